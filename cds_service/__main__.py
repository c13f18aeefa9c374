"""Entry point of ``marrow-cds`` and ``python -m cds_service``."""

from cds_service.cli.main import run


def main() -> None:
    """Run the command line."""
    run()


if __name__ == "__main__":
    main()
