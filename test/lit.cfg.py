# lit configuration of the IR tests: tests are .mlir files with RUN lines; tools come from the build folder.
import os

import lit.formats

config.name = "tenon"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.tenon_build_dir, "test", "lit")
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.tenon_build_dir, "bin"), config.llvm_tools_dir, config.environment["PATH"]])
