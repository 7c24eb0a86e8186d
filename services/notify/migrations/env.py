from servicekit.migrate import run_environment

run_environment()
