"""TCP and UDP echo server on IPv4 and IPv6: echo.py PORT. Says "ready" once it serves."""
import selectors
import socket
import sys

port = int(sys.argv[1])
selector = selectors.DefaultSelector()
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    # One socket a family: a dual-stack socket would answer IPv4 from a random address of ours.
    for family in (socket.AF_INET, socket.AF_INET6):
        sock = socket.socket(family, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
        sock.bind(("", port))
        if kind == socket.SOCK_STREAM:
            sock.listen(1024)
        selector.register(sock, selectors.EVENT_READ, "listen" if kind == socket.SOCK_STREAM else "udp")
print("ready", flush=True)
while True:
    for key, _ in selector.select():
        if key.data == "listen":
            connection, _ = key.fileobj.accept()
            selector.register(connection, selectors.EVENT_READ, "tcp")
        elif key.data == "udp":
            # Answers from the address that was asked: the packet info of the request goes back out.
            data, ancillary, _, peer = key.fileobj.recvmsg(2048, 256)
            key.fileobj.sendmsg([data], [a for a in ancillary if a[1] in (8, 50)], 0, peer)
        else:
            try:
                data = key.fileobj.recv(65536)
                if data:
                    key.fileobj.sendall(data)
                    continue
            except OSError:
                pass
            selector.unregister(key.fileobj)
            key.fileobj.close()
