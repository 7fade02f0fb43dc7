# cmake -DLIBRARY=libx.so -DARCHIVE=lib.a -DOUTPUT=folder/libx.so -DNM=nm -DREADELF=readelf "-DLINK=clang;-shared" -P StubLibrary.cmake
#
# A library without code in place of LIBRARY: its soname, and those of its names that ARCHIVE wants. Linking a model with it needs
# no copy of LIBRARY for the target, and does not read OpenBLAS's 16,000 names.
function(list_names result)
  execute_process(COMMAND ${NM} -P ${ARGN} OUTPUT_VARIABLE lines ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" lines "${lines}")
  list(TRANSFORM lines REPLACE "[@ ].*" "")
  list(REMOVE_DUPLICATES lines)
  set(${result} "${lines}" PARENT_SCOPE)
endfunction()

list_names(wanted --undefined-only ${ARCHIVE})
list_names(defined --dynamic --defined-only ${LIBRARY})
set(assembly "")
foreach(name IN LISTS wanted)
  if(name IN_LIST defined)
    string(APPEND assembly ".globl ${name}\n.type ${name}, %function\n${name}:\n")
  endif()
endforeach()
execute_process(COMMAND ${READELF} -d ${LIBRARY} OUTPUT_VARIABLE table COMMAND_ERROR_IS_FATAL ANY)
if(NOT table MATCHES "soname: \\[([^]]+)\\]")
  message(FATAL_ERROR "${LIBRARY} has no soname")
endif()
file(WRITE ${OUTPUT}.s "${assembly}")
execute_process(COMMAND ${LINK} -Wl,-soname,${CMAKE_MATCH_1} ${OUTPUT}.s -o ${OUTPUT} COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE ${OUTPUT}.s)
