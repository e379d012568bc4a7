// A service that never listens and is deaf to SIGTERM: for the tests of what ends a program at once.
// usage: deaf_program PORT_FILE PID_FILE [DAEMON_PID_FILE]     with the third it has a daemon in a session of its own
// Beside the port file it leaves a file and a folder with one more.
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

[[noreturn]] int wait_as(const std::string& pid_file) {
    std::ofstream(pid_file + ".new") << ::getpid();
    std::filesystem::rename(pid_file + ".new", pid_file);
    for (;;) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    std::signal(SIGTERM, SIG_IGN);
    const auto scratch = std::filesystem::path(argv[1]).parent_path();
    std::filesystem::create_directory(scratch / "folder");
    std::ofstream(scratch / "file") << "left behind\n";
    std::ofstream(scratch / "folder" / "file") << "left behind\n";
    if (argc > 3 && ::fork() == 0) {
        ::setsid();
        if (::fork() != 0) ::_exit(0);
        return wait_as(argv[3]);
    }
    return wait_as(argv[2]);
}
