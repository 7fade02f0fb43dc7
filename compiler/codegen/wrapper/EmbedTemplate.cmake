# Writes the file INPUT as the C++ array NAME into OUTPUT: cmake -DINPUT=… -DOUTPUT=… -DNAME=… -P EmbedTemplate.cmake
file(READ "${INPUT}" content)
file(WRITE "${OUTPUT}.new" "namespace tenon {\nextern const char *const ${NAME};\nconst char *const ${NAME} = R\"template(${content})template\";\n} // namespace tenon\n")
file(COPY_FILE "${OUTPUT}.new" "${OUTPUT}" ONLY_IF_DIFFERENT)
