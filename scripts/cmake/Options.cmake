# faultd_options: what every target of ours is compiled and linked with.
add_library(faultd_options INTERFACE)
target_compile_options(faultd_options INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor
                       -Wno-missing-field-initializers -fstack-protector-strong -ffunction-sections -fdata-sections)
target_compile_definitions(faultd_options INTERFACE _FORTIFY_SOURCE=$<IF:$<CONFIG:Debug>,0,2>
                           BOOST_ASIO_NO_DEPRECATED
                           SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL FAULTD_VERSION="${PROJECT_VERSION}")
target_link_options(faultd_options INTERFACE -static-libstdc++ -Wl,--gc-sections -Wl,-z,relro,-z,now)
if(CMAKE_UNITY_BUILD)
  # g++ takes what is in several sources at once for headers, and the frames of their coroutines for types that other
  # sources see as well.
  target_compile_options(faultd_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()
if(FAULTD_WERROR)
  target_compile_options(faultd_options INTERFACE -Werror)
endif()
# A cross compiler looks elsewhere for linkers.
find_program(MOLD mold)
if(MOLD AND NOT CMAKE_CROSSCOMPILING)
  target_link_options(faultd_options INTERFACE -fuse-ld=mold)
endif()
if(FAULTD_SANITIZE STREQUAL "address")
  set(flags -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
elseif(FAULTD_SANITIZE STREQUAL "thread")
  # Asio has fences, which it does not see. They count only for loops with several threads, of which there are none here.
  # For protobuf its messages would be of another size then than in the library, which is built without it.
  set(flags -fsanitize=thread -Wno-tsan -U__SANITIZE_THREAD__)
  # In the programs, not in the environment: so every run of them knows it, whatever starts them.
  file(READ ${PROJECT_SOURCE_DIR}/tests/tsan.supp suppressions)
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS tests/tsan.supp)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/tsan_suppressions.cc @ONLY CONTENT [[
extern "C" const char* __tsan_default_suppressions() { return R"(@suppressions@)"; }
]])
  add_library(faultd_suppressions OBJECT ${PROJECT_BINARY_DIR}/tsan_suppressions.cc)
  target_link_libraries(faultd_options INTERFACE $<TARGET_OBJECTS:faultd_suppressions>)
endif()
if(FAULTD_SANITIZE)
  target_compile_options(faultd_options INTERFACE ${flags})
  target_link_options(faultd_options INTERFACE ${flags})
endif()
if(FAULTD_COVERAGE)
  # Counters of threads are exact only when they are changed atomically.
  target_compile_options(faultd_options INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(faultd_options INTERFACE --coverage)
endif()

# faultd_alone(source…): sources whose names, or whose headers of the kernel, collide with those of others when several
# are compiled at once.
function(faultd_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# faultd_precompiled(name [HEADERS header… LINK target…]): headers of others that most sources of ours need and that
# take longer to read than those take to compile, read once for all targets that faultd_use_precompiled names. Off for
# development and clang-tidy, so that every source is seen to include what it needs.
function(faultd_precompiled name)
  if(NOT FAULTD_PRECOMPILE)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "HEADERS;LINK" ${ARGN})
  file(CONFIGURE OUTPUT ${name}.cc CONTENT "")
  add_library(${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE ${arg_LINK} faultd_proto faultd_options)
  target_precompile_headers(${name} PRIVATE
    <algorithm> <chrono> <filesystem> <functional> <map> <memory> <optional> <set> <string> <vector>
    <absl/status/statusor.h> <absl/strings/str_cat.h> <faultd/v1/fault.pb.h> <faultd/v1/journal.pb.h>
    <spdlog/spdlog.h> ${arg_HEADERS})
endfunction()

function(faultd_use_precompiled precompiled)
  if(FAULTD_PRECOMPILE)
    foreach(target ${ARGN})
      target_precompile_headers(${target} REUSE_FROM ${precompiled})
      # g++ 12 forgets that what it warns of is in a header of the system.
      target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overread -Wno-stringop-overflow)
    endforeach()
  endif()
endfunction()

# faultd_library(name SOURCES … LINK …): a static library of one layer. Headers are included from
# the root of agent/ ("kernel/links.h").
function(faultd_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/agent)
  target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE faultd_options)
  faultd_use_precompiled(faultd_agent_headers ${name})
endfunction()

# faultd_executable(name SOURCES … LINK …): a program of ours, fit for distributions with an older glibc.
function(faultd_executable name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} faultd_glibc_compat faultd_options)
  faultd_use_precompiled(faultd_agent_headers ${name})
endfunction()
