# Where everything of a package goes; CPack runs it for each of them. FAULTD_STAGE is where CPack works:
# nothing is written anywhere else. FAULTD_BIN_DIR has the binaries, FAULTD_STRIP strips them.
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH FAULTD_ROOT)

# CPack sets DESTDIR for some formats and the prefix for others.
set(root $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX})
cmake_path(IS_PREFIX FAULTD_STAGE "${root}" NORMALIZE staged)
if(NOT FAULTD_STAGE OR NOT staged)
  message(FATAL_ERROR "not installing into \"${root}\", which is outside of ${FAULTD_STAGE}")
endif()
set(usr ${root}/usr)
set(doc ${usr}/share/doc/faultd)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# put(MODE FILE DESTINATION): one file; folders are made.
function(put mode file destination)
  cmake_path(GET destination PARENT_PATH folder)
  file(MAKE_DIRECTORY ${folder})
  file(COPY_FILE ${file} ${destination})
  run(chmod ${mode} ${destination})
endfunction()

function(put_compressed file destination)
  put(644 ${file} ${destination})
  run(gzip --best --no-name ${destination})
endfunction()

function(put_program name folder)
  put(755 ${FAULTD_BIN_DIR}/${name} ${folder}/${name})
  run(${FAULTD_STRIP} ${folder}/${name})
endfunction()

# put_folder(FOLDER DESTINATION): the files of a folder of the repository.
function(put_folder folder destination)
  file(GLOB_RECURSE files RELATIVE ${FAULTD_ROOT}/${folder} ${FAULTD_ROOT}/${folder}/*)
  foreach(file ${files})
    put(644 ${FAULTD_ROOT}/${folder}/${file} ${destination}/${file})
  endforeach()
endfunction()

put_program(faultd ${usr}/sbin)
put_program(faultctl ${usr}/bin)
put_program(faultd-guardian ${usr}/libexec/faultd)
put_program(faultd-stress ${usr}/libexec/faultd)
put(755 ${FAULTD_ROOT}/packaging/put-back ${usr}/libexec/faultd/put-back)
# Where the daemon looks for them; the guardian is for people as well.
foreach(helper faultd-guardian faultd-stress)
  file(CREATE_LINK ../libexec/faultd/${helper} ${usr}/sbin/${helper} SYMBOLIC)
endforeach()

put(644 ${FAULTD_ROOT}/systemd/faultd.service ${usr}/lib/systemd/system/faultd.service)
put(644 ${FAULTD_ROOT}/systemd/faultd.sysusers ${usr}/lib/sysusers.d/faultd.conf)
put(644 ${FAULTD_ROOT}/packaging/faultd.toml ${root}/etc/faultd/faultd.toml)
put(644 ${FAULTD_ROOT}/packaging/policy.toml ${root}/etc/faultd/policy.toml)
put(644 ${FAULTD_ROOT}/packaging/completion/faultctl ${usr}/share/bash-completion/completions/faultctl)
foreach(page faultctl.1 faultd.toml.5 faultd-policy.toml.5 faultd-security.7 faultd.8 faultd-guardian.8)
  cmake_path(GET page EXTENSION LAST_ONLY section)
  string(SUBSTRING ${section} 1 1 section)
  put_compressed(${FAULTD_ROOT}/packaging/man/${page} ${usr}/share/man/man${section}/${page})
endforeach()
foreach(folder cloudwatch iam ssm)
  put_folder(packaging/${folder} ${usr}/share/faultd/${folder})
endforeach()
put_folder(proto/faultd ${usr}/share/faultd/proto/faultd)
put_folder(proto/google ${usr}/share/faultd/proto/google)
put_folder(scripts/examples ${usr}/share/faultd/examples)
# Between our own processes; no interface for others.
file(REMOVE ${usr}/share/faultd/proto/faultd/v1/stress_process.proto)

# The licences of all that is linked into the binaries, as the packages state them that it came from.
foreach(library libabsl-dev libboost1.81-dev libc-ares-dev libcli11-dev libfmt-dev libgrpc-dev libkmod-dev
                libnl-3-dev libprotobuf-dev libre2-dev libseccomp-dev libspdlog-dev libssl-dev libstdc++-12-dev
                libtomlplusplus-dev nlohmann-json3-dev zlib1g-dev)
  put(644 /usr/share/doc/${library}/copyright ${doc}/third-party/${library})
endforeach()

if(CPACK_GENERATOR STREQUAL DEB)
  put(644 ${FAULTD_ROOT}/packaging/deb/copyright ${doc}/copyright)
  put(644 ${FAULTD_ROOT}/packaging/deb/lintian-overrides ${usr}/share/lintian/overrides/faultd)
  put_compressed(${FAULTD_ROOT}/CHANGELOG.md ${doc}/changelog)
  string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
  file(WRITE ${doc}/changelog.Debian
       "faultd (${CPACK_PACKAGE_VERSION}-1) unstable; urgency=medium\n\n"
       "  * This release; see changelog.gz for what changed.\n\n"
       " -- ${CPACK_DEBIAN_PACKAGE_MAINTAINER}  ${now}\n")
  run(chmod 644 ${doc}/changelog.Debian)
  run(gzip --best --no-name ${doc}/changelog.Debian)
else()
  put(644 ${FAULTD_ROOT}/LICENSE ${usr}/share/licenses/faultd/LICENSE)
  put(644 ${FAULTD_ROOT}/CHANGELOG.md ${doc}/CHANGELOG.md)
  # The statements above refer to these, which only Debian has in one place.
  foreach(license Apache-2.0 GPL-3 LGPL-2.1)
    put(644 /usr/share/common-licenses/${license} ${doc}/third-party/common-licenses/${license})
  endforeach()
endif()
