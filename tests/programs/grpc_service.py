#!/usr/bin/env python3
"""A gRPC service whose messages are opaque bytes. It prints its port, and serves until it is ended.
usage: grpc_service.py [PORT [leaky]]      leaky: it keeps the messages of Unary

/test.Echo/Unary        gives the message back; fails with NOT_FOUND for "missing", with INTERNAL for "broken"
/test.Echo/Count        a stream of as many messages as the request has bytes
/test.Echo/Collect      takes a stream, and gives all of it back as one message
/test.Echo/Chat         gives each message of a stream back as it comes
"""
import sys
from concurrent import futures

import grpc


kept = []


def unary(message, context):
    if "leaky" in sys.argv:
        kept.append(bytearray(message))
    if message == b"missing":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
    if message == b"broken":
        raise RuntimeError("broken")
    return message


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Count": grpc.unary_stream_rpc_method_handler(lambda message, context: (bytes([i]) for i in range(len(message)))),
    "Collect": grpc.stream_unary_rpc_method_handler(lambda messages, context: b"".join(messages)),
    "Chat": grpc.stream_stream_rpc_method_handler(lambda messages, context: messages),
}

server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", HANDLERS),))
port = server.add_insecure_port("127.0.0.1:" + (sys.argv[1] if len(sys.argv) > 1 else "0"))
server.start()
print(port, flush=True)
server.wait_for_termination()
