"""The wire format and the file container are what the golden files of this version say, which is frozen."""

import pytest

import oobpickle
from oobpickle import files, wire
from tests.golden import make
from tests.same import assert_same

FOLDER = make.ROOT / f"v{wire.VERSION}"
ADVICE = "the layout of a frozen version has changed: give it another version"


def read(name):
    return make.from_text((FOLDER / name).read_text())


def test_these_files_and_no_others():
    names = {make.wire_file(name) for name in make.wire_messages()} | {
        make.object_file(*message) for message in make.object_messages()
    }
    assert {path.name for path in FOLDER.iterdir()} == names | {make.CONTAINER}, ADVICE


@pytest.mark.parametrize("name", make.wire_messages())
class TestWire:
    def test_pack_writes_them(self, name):
        arguments, keywords = make.wire_messages()[name]
        assert [bytes(frame) for frame in wire.pack(*arguments, **keywords)] == read(make.wire_file(name)), ADVICE

    def test_unpack_reads_them(self, name):
        (codec, stream, buffers), keywords = make.wire_messages()[name]
        message = wire.unpack([memoryview(frame) for frame in read(make.wire_file(name))], allow_shared=True)
        assert (message.codec, bytes(message.stream)) == (codec, stream)
        for field in ("flags", "epoch", "sequence", "sent_at"):
            assert getattr(message, field) == keywords.get(field, 0)
        assert bytes(message.references) == keywords.get("references", b"")
        shared = keywords.get("shared", ())
        for index, (got, sent) in enumerate(zip(message.buffers, buffers, strict=True)):
            assert got == (sent.nbytes if index in shared else sent)


@pytest.mark.parametrize(("name", "codec"), make.object_messages())
def test_messages_of_then_are_read_now(name, codec):
    frames = [bytearray(frame) for frame in read(make.object_file(name, codec))]
    assert_same(oobpickle.loads(frames, codec=codec), make.objects()[name])


class TestContainer:
    def test_it_is_written_so(self):
        assert make.container() == (FOLDER / make.CONTAINER).read_bytes(), ADVICE

    def test_it_is_read(self):
        content = memoryview((FOLDER / make.CONTAINER).read_bytes())
        position = 0
        for name in ("glued", "own"):
            frames, position = files._frames(content, position)
            assert frames == read(make.wire_file(name))
        assert position == len(content)


def test_a_version_is_written_once(tmp_path):
    make.write(tmp_path)
    with pytest.raises(SystemExit, match="frozen"):
        make.write(tmp_path)
