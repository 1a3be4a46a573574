"""Code that takes the network away from a process; it precedes the code of a test."""

# An audit hook reports every socket that Python code opens, in any library, and cannot be removed. Additionally, if the
# system permits it, the process is in a network namespace without interfaces.
NO_NETWORK = """
import ctypes, os, sys
if sys.platform.startswith("linux"):
    files = {"setgroups": "deny", "uid_map": f"0 {os.getuid()} 1", "gid_map": f"0 {os.getgid()} 1"}
    if ctypes.CDLL(None).unshare(0x10000000 | 0x40000000) == 0:  # CLONE_NEWUSER, CLONE_NEWNET
        for name, text in files.items():
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)

def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        raise RuntimeError(f"reached for the network: {event} {arguments[1:]}")
    if event.startswith(("urllib.", "http.", "ftplib.", "smtplib.")):
        raise RuntimeError(f"reached for the network: {event}")
sys.addaudithook(watch)
"""
