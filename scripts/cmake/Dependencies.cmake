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
  string(JOIN "," group ${archives})
  target_link_libraries(${target} INTERFACE "$<LINK_GROUP:RESCAN,${group}>")
endfunction()

file(GLOB absl_archives ${CMAKE_SYSROOT}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/libabsl_*.a)
add_library(faultd::absl INTERFACE IMPORTED)
string(JOIN "," group ${absl_archives})
target_link_libraries(faultd::absl INTERFACE "$<LINK_GROUP:RESCAN,${group}>" pthread)

faultd_static_library(faultd::zlib z)
faultd_static_library(faultd::protobuf protobuf z)
faultd_static_library(faultd::nl nl-route-3 nl-3)
target_include_directories(faultd::nl SYSTEM INTERFACE ${CMAKE_SYSROOT}/usr/include/libnl3)
faultd_static_library(faultd::seccomp seccomp)
faultd_static_library(faultd::ssl ssl crypto)
faultd_static_library(faultd::cares cares)

set(archives)
foreach(name grpc++ grpc gpr upb address_sorting re2 cares ssl crypto z protobuf)
  find_library(FAULTD_ARCHIVE_${name} NAMES lib${name}.a REQUIRED)
  list(APPEND archives ${FAULTD_ARCHIVE_${name}})
endforeach()
string(JOIN "," group ${archives} ${absl_archives})
# Reflection registers itself from a static constructor, which nothing refers to.
find_library(FAULTD_ARCHIVE_grpc_reflection NAMES libgrpc++_reflection.a REQUIRED)
add_library(faultd::grpc INTERFACE IMPORTED)
target_link_libraries(faultd::grpc INTERFACE "$<LINK_GROUP:RESCAN,${group}>" pthread)
add_library(faultd::grpc_reflection INTERFACE IMPORTED)
target_link_libraries(faultd::grpc_reflection INTERFACE
  -Wl,--whole-archive ${FAULTD_ARCHIVE_grpc_reflection} -Wl,--no-whole-archive faultd::grpc)

find_path(BOOST_INCLUDE_DIR boost/asio.hpp REQUIRED)
add_library(faultd::boost INTERFACE IMPORTED)
target_include_directories(faultd::boost SYSTEM INTERFACE ${BOOST_INCLUDE_DIR})

# Shared: the same soname on every distribution, and no static archive anywhere.
find_library(SYSTEMD_LIBRARY systemd REQUIRED)
add_library(faultd::systemd INTERFACE IMPORTED)
target_link_libraries(faultd::systemd INTERFACE ${SYSTEMD_LIBRARY})

find_package(Threads REQUIRED)
