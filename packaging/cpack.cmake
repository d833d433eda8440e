# What CPack makes faultd's packages from; scripts/package runs it, and says what else is to be.
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH root)
file(STRINGS ${root}/CMakeLists.txt project REGEX "^project\\(faultd VERSION ")
string(REGEX REPLACE ".* VERSION ([0-9.]+).*" "\\1" version "${project}")

set(CPACK_PACKAGE_NAME faultd)
set(CPACK_PACKAGE_VERSION ${version})
set(CPACK_PACKAGE_VENDOR "faultd maintainers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "on-host fault injection with leases")
set(CPACK_PACKAGE_DESCRIPTION
    "Makes faults on this host on purpose: network latency and loss, blackholed
dependencies, stress of processor, memory and disks, a drained ECS container
instance. Each fault has a lease, at whose end the host is back as it was,
whatever happens to the daemon, the network or the clock.
Probes of what the host depends on are published to CloudWatch.")
set(CPACK_PACKAGE_FILE_NAME faultd)
set(CPACK_THREADS 0)
set(CPACK_PACKAGING_INSTALL_PREFIX /)
set(CPACK_INSTALL_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/install.cmake)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "faultd maintainers <faultd@example.org>")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
# Not from dpkg-shlibdeps: that would ask for the versions of the machine that builds. package_test.py
# checks that the binaries need nothing else.
set(CPACK_DEBIAN_PACKAGE_DEPENDS
    "libc6 (>= 2.34), libgcc-s1, libsystemd0, systemd | systemd-standalone-sysusers")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS bash-completion)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(deb ${CMAKE_CURRENT_LIST_DIR}/deb)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${deb}/postinst ${deb}/prerm ${deb}/postrm ${deb}/conffiles)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_RELEASE 1)
set(CPACK_RPM_PACKAGE_SUMMARY "On-host fault injection with leases")
set(CPACK_RPM_PACKAGE_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _build_id_links none")
set(CPACK_RPM_PACKAGE_LICENSE "Apache-2.0 AND BSD-3-Clause AND BSL-1.0 AND LGPL-2.1-or-later AND MIT AND Zlib")
set(CPACK_RPM_PACKAGE_GROUP System/Daemons)
set(CPACK_RPM_COMPRESSION_TYPE xz)
# What the binaries need is found by rpmbuild; this is for the scripts.
set(CPACK_RPM_PACKAGE_REQUIRES "systemd, findutils")
set(CPACK_RPM_USER_FILELIST "%config(noreplace) /etc/faultd/faultd.toml"
    "%config(noreplace) /etc/faultd/policy.toml"
    "%license /usr/share/licenses/faultd/LICENSE" "%doc /usr/share/doc/faultd")
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /etc /usr/sbin /usr/libexec /usr/lib /usr/lib/systemd /usr/lib/systemd/system /usr/lib/sysusers.d
    /usr/share/bash-completion /usr/share/bash-completion/completions /usr/share/licenses
    /usr/share/man /usr/share/man/man1 /usr/share/man/man5 /usr/share/man/man7 /usr/share/man/man8)
set(rpm ${CMAKE_CURRENT_LIST_DIR}/rpm)
set(CPACK_RPM_PRE_INSTALL_SCRIPT_FILE ${rpm}/pre)
set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE ${rpm}/post)
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${rpm}/preun)
set(CPACK_RPM_POST_UNINSTALL_SCRIPT_FILE ${rpm}/postun)
