from devkit.instances import ROOT


def test_ci_runs_the_command_of_the_readme_when_it_tests():
    assert "part test make test" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()


def test_every_target_is_phony_when_it_makes_no_file():
    text = (ROOT / "Makefile").read_text()
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY:")).split()[1:]
    targets = [
        line.partition(":")[0]
        for line in text.splitlines()
        if line and line[0].isalpha() and ":" in line and "=" not in line.partition(":")[0:2][0]
    ]
    assert set(phony) == {t for t in targets if t.replace("-", "").isalpha() and t.islower()}
