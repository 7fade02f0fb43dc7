"""Tests how `tenon compile` and `tenon inspect` fail: exit code, one sentence, nothing written."""
import json
import shutil
import subprocess
import unittest

from tenon_command import (BAD_INPUT, DONE, FIXTURES, TENON, UNSUPPORTED, CommandTest, changed_archive, changed_program, files_in, run,
                           unsupported_archive)

MLP = FIXTURES / "mlp.pt2"
WEIGHTS_CONFIG = "data/weights/model_weights_config.json"


class BadArchives(CommandTest):
    def refused(self, archive, pattern):
        """`archive` is refused by both commands, which leave the folder as it was."""
        before = files_in(self.folder)
        self.assert_sentence(run("compile", archive, "-o", self.folder / "out.so"), BAD_INPUT, pattern)
        self.assert_sentence(run("inspect", archive), BAD_INPUT, pattern)
        self.assert_sentence(run("inspect", archive, "--json"), BAD_INPUT, pattern)
        self.assert_nothing_written(before)

    def damaged(self, edit):
        """A copy of the archive `mlp` with `edit(bytearray)` applied."""
        content = bytearray(MLP.read_bytes())
        edit(content)
        path = self.folder / "damaged.pt2"
        path.write_bytes(content)
        return path

    def test_whole_archive(self):
        """A copy without damage compiles: what the others are refused for is their damage."""
        copy = changed_archive(MLP, self.folder / "copy.pt2", lambda name, data: data)
        for archive in (copy, self.damaged(lambda content: None)):
            self.assertEqual(run("compile", archive, "-o", self.folder / "out.so").returncode, DONE)

    def test_missing_file(self):
        self.refused(self.folder / "none.pt2", "none.pt2.*; |none.pt2.*No such file")

    def test_folder(self):
        self.refused(self.folder, "director|folder|regular")

    def test_empty_file(self):
        path = self.folder / "empty.pt2"
        path.touch()
        self.refused(path, "empty.pt2")

    def test_truncated(self):
        size = MLP.stat().st_size
        for length in (1, 100, size // 2, size - 1):
            with self.subTest(length=length):
                self.refused(self.damaged(lambda content: content.__delitem__(slice(length, None))), "damaged.pt2")

    def test_flipped_bytes_of_the_directory(self):
        """Flips a byte of each field of the first directory entry that the reader believes. Dates and attributes say nothing, and
        it finds members by walking the file, not by their offsets."""
        entry = MLP.read_bytes().index(b"PK\x01\x02")
        # signature, method, check sum, compressed size, size, name length, name
        for offset in (0, 10, 16, 20, 24, 28, 46 + 4):
            with self.subTest(offset=offset):
                def flip(content):
                    content[entry + offset] ^= 0x41

                self.refused(self.damaged(flip), "damaged.pt2")

    def test_flipped_weight(self):
        """Member checksums are checked: a changed weight is not silently another model."""
        content = MLP.read_bytes()
        def flip(content):
            position = content.index(b"weight_0") + len("weight_0")
            while content[position : position + 12] != bytes.fromhex("000000000000803f00000040"):
                position += 1
            content[position + 5] ^= 1

        self.assertIn(bytes.fromhex("000000000000803f00000040"), content)
        self.refused(self.damaged(flip), "damaged.pt2")

    def test_broken_json(self):
        broken = lambda name, data: data[:-20] if name == "models/model.json" else data
        self.refused(changed_archive(MLP, self.folder / "json.pt2", broken), "model.json")

    def test_wrong_json_type(self):
        def nodes_are_text(program):
            program["graph_module"]["graph"]["nodes"] = "many"

        self.refused(changed_program(MLP, self.folder / "type.pt2", nodes_are_text), "nodes")

    def test_deeply_nested_json(self):
        nested = lambda name, data: b"[" * 200000 if name == "models/model.json" else data
        self.refused(changed_archive(MLP, self.folder / "deep.pt2", nested), "model.json")

    def test_tensor_outside_its_record(self):
        def enlarge(name, data):
            if name != WEIGHTS_CONFIG:
                return data
            config = json.loads(data)
            config["config"]["0.weight"]["tensor_meta"]["storage_offset"] = {"as_int": 1}
            return json.dumps(config).encode()

        self.refused(changed_archive(MLP, self.folder / "outside.pt2", enlarge), "0.weight|weight_0")

    def test_missing_record(self):
        drop = lambda name, data: None if name == "data/weights/weight_2" else data
        self.refused(changed_archive(MLP, self.folder / "missing.pt2", drop), "weight_2")


class Unsupported(CommandTest):
    def test_all_ops_are_listed_with_their_lines(self):
        archive = unsupported_archive(self.folder)
        before = files_in(self.folder)
        done = run("compile", archive, "-o", self.folder / "out.so")
        self.assert_sentence(done, UNSUPPORTED, r"2 operations are not supported; ")
        self.assertRegex(done.stderr, r"first_mystery[^\n]*\n +at net.py:12 in forward: x = first\(x\)")
        self.assertRegex(done.stderr, r"mine\.second[^\n]*\n +at net.py:13 in forward: x = second\(x\)")
        self.assert_nothing_written(before)


class BadUsage(CommandTest):
    def refused(self, pattern, *arguments):
        before = files_in(self.folder)
        self.assert_sentence(run(*arguments), BAD_INPUT, pattern)
        self.assert_nothing_written(before)

    def test_flags(self):
        out = self.folder / "out.so"
        for pattern, arguments in [
            ("--bogus", ["compile", MLP, "-o", out, "--bogus"]),
            ("bogus", ["bogus"]),
            ("subcommand", []),
            ("output", ["compile", MLP]),
            ("model", ["compile", "-o", out]),
            ("--target", ["compile", MLP, "-o", out, "--target", "vax"]),
            ("--emit", ["compile", MLP, "-o", out, "--emit", "fortran"]),
            ("--weights", ["compile", MLP, "-o", out, "--weights", "cloud"]),
            ("--numerics", ["compile", MLP, "-o", out, "--numerics", "wild"]),
            ("--threads-hint", ["compile", MLP, "-o", out, "--threads-hint", "-3"]),
            ("--threads-hint", ["compile", MLP, "-o", out, "--threads-hint", "two"]),
            ("vax", ["compile", MLP, "-o", out, "--cpu", "vax"]),
            ("--repeat", ["run", "m.so", "--inputs", "i", "--outputs", "o", "--repeat", "0"]),
            ("--threads", ["bench", "m.so", "--threads", "-1"]),
            ("--rtol", ["compare", "m.so", "--inputs", "i", "--expected", "e", "--rtol", "much"]),
        ]:
            with self.subTest(arguments=arguments):
                self.refused(pattern, *arguments)

    def test_output_places(self):
        (self.folder / "file").touch()
        (self.folder / "here").mkdir()
        for place, pattern in [("none/out.so", "is not a folder"), ("file/out.so", "is not a folder"), ("here", "it is a folder")]:
            with self.subTest(place=place):
                self.refused(pattern, "compile", MLP, "-o", self.folder / place)

    def test_output_folder_without_permission(self):
        # root may write everywhere: another user tries where there is one to become
        if not shutil.which("setpriv"):
            self.skipTest("setpriv is not installed")
        locked = self.folder / "locked"
        locked.mkdir(mode=0o555)
        self.folder.chmod(0o755)
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", TENON, "compile", MLP, "-o", locked / "out.so"],
                              capture_output=True, text=True)
        if done.returncode in (126, 127):
            self.skipTest("no other user can run tenon here")
        self.assert_sentence(done, BAD_INPUT, "locked' takes no files")
        self.assertEqual(list(locked.iterdir()), [])

    def test_ir_folder_that_cannot_be_made(self):
        (self.folder / "file").touch()
        self.refused("file/ir", "compile", MLP, "-o", self.folder / "out.so", "--save-ir", self.folder / "file" / "ir")


if __name__ == "__main__":
    unittest.main()
