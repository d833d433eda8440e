# Libraries from the distribution. Whatever has a static archive is linked statically, so that one
# build serves distributions with other versions of them; Debian has no CMake packages or incomplete
# ones for most of these, so they are looked up by name.
function(faultd_static_library target)
  add_library(${target} INTERFACE IMPORTED)
  set(archives)
  foreach(name ${ARGN})
    find_library(FAULTD_ARCHIVE_${name} NAMES lib${name}.a REQUIRED)
    list(APPEND archives ${FAULTD_ARCHIVE_${name}})
  endforeach()
  target_link_libraries(${target} INTERFACE -Wl,--start-group ${archives} -Wl,--end-group)
endfunction()

file(GLOB absl_archives /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/libabsl_*.a)
add_library(faultd::absl INTERFACE IMPORTED)
target_link_libraries(faultd::absl INTERFACE -Wl,--start-group ${absl_archives} -Wl,--end-group pthread)

faultd_static_library(faultd::protobuf protobuf z)
faultd_static_library(faultd::nl nl-route-3 nl-3)
target_include_directories(faultd::nl SYSTEM INTERFACE /usr/include/libnl3)
faultd_static_library(faultd::ssl ssl crypto)

add_library(faultd::grpc INTERFACE IMPORTED)
set(archives)
foreach(name grpc++_reflection grpc++ grpc gpr upb address_sorting re2 cares ssl crypto z protobuf)
  find_library(FAULTD_ARCHIVE_${name} NAMES lib${name}.a REQUIRED)
  if(name STREQUAL grpc++_reflection) # registers itself from a static constructor
    list(APPEND archives -Wl,--whole-archive ${FAULTD_ARCHIVE_${name}} -Wl,--no-whole-archive)
  else()
    list(APPEND archives ${FAULTD_ARCHIVE_${name}})
  endif()
endforeach()
target_link_libraries(faultd::grpc INTERFACE -Wl,--start-group ${archives} ${absl_archives} -Wl,--end-group pthread)

find_path(BOOST_INCLUDE_DIR boost/asio.hpp REQUIRED)
add_library(faultd::boost INTERFACE IMPORTED)
target_include_directories(faultd::boost SYSTEM INTERFACE ${BOOST_INCLUDE_DIR})

# Shared: the same soname on every distribution, and no static archive anywhere.
find_library(SYSTEMD_LIBRARY systemd REQUIRED)
add_library(faultd::systemd INTERFACE IMPORTED)
target_link_libraries(faultd::systemd INTERFACE ${SYSTEMD_LIBRARY})

find_package(Threads REQUIRED)
