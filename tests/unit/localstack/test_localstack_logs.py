from __future__ import annotations

from localstack_process.logs import LogBuffer, Report, assemble, init_report_line


def test_pieces_are_joined_when_output_comes_in_parts() -> None:
    log = LogBuffer(1000)
    for piece in (b"one\ntw", b"o\nth", b"ree"):
        log.append(piece)
    assert log.take() == "one\ntwo\nthree\n"
    assert log.take() == ""


def test_lines_end_alike_when_a_traceback_uses_carriage_returns() -> None:
    log = LogBuffer(1000)
    log.append(b"[ERROR] X\rTraceback\r  File\nnext\r\n")
    assert log.take() == "[ERROR] X\nTraceback\n  File\nnext\n"


def test_text_is_readable_when_a_character_is_split_or_broken() -> None:
    log = LogBuffer(1000)
    log.append("é".encode()[:1])
    log.append("é".encode()[1:] + b"\xff")
    assert log.take() == "é\ufffd\n"


def test_whole_lines_are_kept_and_the_rest_counted_when_there_is_too_much() -> None:
    log = LogBuffer(10)
    log.append(b"12345\n")
    log.append(b"67\n89\nabc\n")
    log.append(b"x\n")
    assert log.take() == "12345\n67\n[9 bytes of log left out, over the limit of 10]\n"


def test_there_is_room_again_when_the_log_was_taken() -> None:
    log = LogBuffer(4)
    log.append(b"12345\n")
    log.take()
    log.append(b"123\n")
    assert log.take() == "123\n"


def test_recent_log_is_bounded_when_much_was_written() -> None:
    log = LogBuffer(1_000_000)
    log.append(b"x" * 200_000 + b"end\n")
    log.take()
    log.append(b"later")
    assert log.recent().endswith("end\nlater")
    assert len(log.recent()) < 100_000


def test_report_has_lambdas_fields_when_an_invocation_is_warm() -> None:
    report = Report("id-1", duration_ms=12.3456, memory_mb=256, max_memory_mb=40)
    assert report.line() == (
        "REPORT RequestId: id-1\tDuration: 12.35 ms\tBilled Duration: 13 ms\t"
        "Memory Size: 256 MB\tMax Memory Used: 40 MB\t\n"
    )


def test_initialisation_is_billed_when_the_environment_is_new() -> None:
    report = Report("id-1", duration_ms=1.2, memory_mb=128, max_memory_mb=9, init_ms=100.3)
    assert report.billed_ms == 102
    assert report.line().endswith("Max Memory Used: 9 MB\tInit Duration: 100.30 ms\t\n")


def test_status_is_reported_when_lambda_ended_the_invocation() -> None:
    report = Report("i", 3000, 128, status="error", error_type="Runtime.ExitError")
    assert report.line().endswith("\tStatus: error\tError Type: Runtime.ExitError\t\n")
    assert "Max Memory Used" not in report.line()
    assert Report("i", 3000, 128, status="timeout").line().endswith("\tStatus: timeout\t\n")


def test_lines_are_in_lambdas_order_when_a_log_is_put_together() -> None:
    report = Report("id-1", 1.0, 128, 20)
    log = assemble("init\n", "said\n", "7", report)
    assert log.splitlines()[:4] == [
        "init",
        "START RequestId: id-1 Version: 7",
        "said",
        "END RequestId: id-1",
    ]
    assert log.splitlines()[4].startswith("REPORT RequestId: id-1\t")


def test_failed_initialisation_has_a_line_of_its_own() -> None:
    line = init_report_line(12.0, "error", "Runtime.ImportModuleError")
    assert line == (
        "INIT_REPORT Init Duration: 12.00 ms\tPhase: init\tStatus: error\t"
        "Error Type: Runtime.ImportModuleError\n"
    )
    assert init_report_line(1, "timeout").endswith("Phase: init\tStatus: timeout\n")
