"""Takes the first calls of a process apart in several threads at once; ends by a signal where one trips another."""

import sys
import threading

from cds_service.hooks.sent import SentCall
from cds_service.hooks.services import SERVICES, Service

THREADS = 12


def body(service: Service) -> bytes:
    """A call whose searches brought one resource each."""
    bundle = '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Observation"}}]}'
    searches = ",".join(f'"{key.name}":{bundle}' for key in service.prefetch if not key.is_read)
    return b'{"hook":"any","hookInstance":"1","context":{},"prefetch":{%s}}' % searches.encode()


def main() -> None:
    """Begin all threads at once, with turns as short as they can be."""
    sys.setswitchinterval(1e-6)
    calls = [(body(service), service) for service in SERVICES]
    together = threading.Barrier(THREADS)

    def take_apart(number: int) -> None:
        together.wait()
        SentCall(*calls[number % len(calls)])

    threads = [threading.Thread(target=take_apart, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
