# Calls of each kind to grpc_service.py at the port that is given, with gRPC's own client. Exit code 0: all had the right results.
import queue
import sys

import grpc

channel = grpc.insecure_channel("127.0.0.1:" + sys.argv[1])


def unary(request):
    return channel.unary_unary("/test.Echo/Unary")(request, timeout=60)


assert unary(b"hello") == b"hello"
large = bytes(range(256)) * 12_000
assert unary(large) == large
assert list(channel.unary_stream("/test.Echo/Count")(b"five.", timeout=60)) == [bytes([i]) for i in range(5)]
assert channel.stream_unary("/test.Echo/Collect")(iter([b"a", b"b", b"c"]), timeout=60) == b"abc"

sent = queue.Queue()
answers = channel.stream_stream("/test.Echo/Chat")(iter(sent.get, None), timeout=60)
for number in range(20):  # each message waits for the answer to the one before
    sent.put(b"%d" % number)
    assert next(answers) == b"%d" % number
sent.put(None)
assert list(answers) == []

try:
    unary(b"missing")
    sys.exit("a call that fails has succeeded")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.NOT_FOUND, error

endless = channel.stream_stream("/test.Echo/Chat")(iter(queue.Queue().get, None), timeout=60)
endless.cancel()
assert unary(b"after") == b"after"
