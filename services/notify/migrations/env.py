from notify.schema import adoption
from servicekit.migrate import run_environment

run_environment(prepare=adoption.prepare)
