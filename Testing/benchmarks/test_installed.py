"""Without a source checkout, `dinsegment bench` says where the benchmarks are."""

from DINSegmentLib.cli import main


def test_an_installed_copy_says_where_the_benchmarks_are(monkeypatch, tmp_path, capsys):
    from DINSegmentLib.cli.commands import installation

    monkeypatch.setattr(installation, "__file__", str(tmp_path / "a" / "b" / "c" / "installation.py"))
    assert main(["bench"]) == 2 and "clone the source" in capsys.readouterr().err
