"""Look at an environment before training in it. docs/guide.md, section 1."""

from deep import check


def main() -> int:
    """One line for each finding; the status is 1 if something is wrong. In a shell: python -m deep.check --env ..."""
    return check.main(["--env", "thermostat:Thermostat", "--steps", "500"])


if __name__ == "__main__":
    raise SystemExit(main())
