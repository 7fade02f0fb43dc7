# CMake toolchain file: arm64 programs on another architecture, with Debian's multiarch packages (group [arm] of
# tools/env/packages) and the headers that tools/dev unpacks into /opt/arm64, since both architectures' -dev packages of
# oneDNN exclude each other.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

foreach(language C CXX)
  set(CMAKE_${language}_COMPILER_TARGET aarch64-linux-gnu)
  # Before /usr/include, which has the other architecture's oneDNN.
  set(CMAKE_${language}_FLAGS_INIT
      "-isystem /opt/arm64/usr/include -isystem /opt/arm64/usr/include/aarch64-linux-gnu/openblas-openmp")
endforeach()
set(CMAKE_C_COMPILER clang)
set(CMAKE_CXX_COMPILER clang++)
set(CMAKE_LINKER_TYPE LLD)
