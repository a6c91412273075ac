"""moto as a server that answers one request after the other: _serial_moto.py PORT.

Its own server handles requests side by side, and looks at a precondition and stores in two steps: it loses updates
in a race. The clients are tested here, not moto.
"""

import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

ONE_AT_A_TIME = threading.Lock()


def one_at_a_time(application):
    def answer(environment, start_response):
        with ONE_AT_A_TIME:
            return [b"".join(application(environment, start_response))]
    return answer


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), one_at_a_time(DomainDispatcherApplication(create_backend_app)),
               threaded=True)
