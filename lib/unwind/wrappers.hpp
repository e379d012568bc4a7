// Programs whose purpose is to start another one. Shared by the preloaded library and the checks before a program starts.
#pragma once

#include <string_view>

namespace leakline::unwind {

constexpr bool is_wrapper(std::string_view name) {
    constexpr std::string_view kNames[] = {"env",
                                           "sh",
                                           "bash",
                                           "dash",
                                           "zsh",
                                           "ksh",
                                           "ash",
                                           "fish",
                                           "busybox",
                                           "sudo",
                                           "su",
                                           "doas",
                                           "nice",
                                           "nohup",
                                           "setsid",
                                           "stdbuf",
                                           "timeout",
                                           "time",
                                           "taskset",
                                           "chrt",
                                           "ionice",
                                           "numactl",
                                           "xargs",
                                           "strace",
                                           "ltrace",
                                           "gdb",
                                           "valgrind",
                                           "chroot",
                                           "daemonize",
                                           "dumb-init",
                                           "flock",
                                           "gosu",
                                           "parallel",
                                           "perf",
                                           "prlimit",
                                           "rr",
                                           "runuser",
                                           "setarch",
                                           "setpriv",
                                           "systemd-run",
                                           "tini",
                                           "unshare",
                                           "watch",
                                           "catchsegv",
                                           "start-stop-daemon",
                                           "ld.so",
                                           "ld-linux-x86-64.so.2"};
    for (const std::string_view known : kNames)
        if (name == known) return true;
    return false;
}

}  // namespace leakline::unwind
