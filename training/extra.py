"""What a command of training says where a library of the extra `train` is missing."""


def without_extra(error: ModuleNotFoundError) -> str:
    """One line that names the library and what brings it."""
    return (
        f"{error.name} is not installed; it comes with: pip install 'kwsd[train]', "
        "or scripts/training-environment where a CPU wheel of torch lies at hand"
    )
