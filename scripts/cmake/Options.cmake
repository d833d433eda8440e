# faultd_options: what every target of ours is compiled and linked with.
add_library(faultd_options INTERFACE)
target_compile_options(faultd_options INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor
                       -Wno-missing-field-initializers -fstack-protector-strong -ffunction-sections -fdata-sections)
target_compile_definitions(faultd_options INTERFACE _FORTIFY_SOURCE=$<IF:$<CONFIG:Debug>,0,2>
                           BOOST_ASIO_NO_DEPRECATED FAULTD_VERSION="${PROJECT_VERSION}")
target_link_options(faultd_options INTERFACE -static-libstdc++ -Wl,--gc-sections -Wl,-z,relro,-z,now)
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
  set(flags -fsanitize=thread)
endif()
if(FAULTD_SANITIZE)
  target_compile_options(faultd_options INTERFACE ${flags})
  target_link_options(faultd_options INTERFACE ${flags})
endif()

# faultd_library(name SOURCES … LINK …): a static library of one layer. Headers are included from
# the root of agent/ ("kernel/links.h").
function(faultd_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/agent)
  target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE faultd_options)
endfunction()

# faultd_executable(name SOURCES … LINK …): a program of ours, fit for distributions with an older glibc.
function(faultd_executable name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} faultd_glibc_compat faultd_options)
endfunction()
