// Starts threads in every way. Those of leave_running run on, those of leave_unjoined end and are never joined; all others are joined or
// detached. Prints "ok" and waits for its end.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

namespace {

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "started_threads: %s\n", what);
    std::_Exit(1);
}

void* returns(void* argument) { return argument; }
void* exits(void* argument) { ::pthread_exit(argument); }
void* waits(void*) {
    for (;;) ::pause();
}
void* detaches_itself(void*) {
    ::pthread_detach(::pthread_self());
    return nullptr;
}

pthread_t start(void* (*routine)(void*), const pthread_attr_t* attributes = nullptr) {
    pthread_t thread;
    require(::pthread_create(&thread, attributes, routine, nullptr) == 0, "pthread_create");
    return thread;
}

void leave_running() {
    pthread_t thread;
    require(::pthread_create(&thread, nullptr, waits, nullptr) == 0, "pthread_create");
}
void leave_unjoined() {
    pthread_t thread;
    require(::pthread_create(&thread, nullptr, returns, nullptr) == 0, "pthread_create");
}

void join(void* (*routine)(void*), void* expected) {
    pthread_t thread;
    require(::pthread_create(&thread, nullptr, routine, expected) == 0, "pthread_create");
    void* result = nullptr;
    require(::pthread_join(thread, &result) == 0 && result == expected, "pthread_join");
}

void start_and_join() {
    int argument = 0;
    join(returns, &argument);
    join(exits, &argument);
    const pthread_t cancelled = start(waits);
    ::pthread_cancel(cancelled);
    void* result = nullptr;
    require(::pthread_join(cancelled, &result) == 0 && result == PTHREAD_CANCELED, "a thread that was cancelled");
    const pthread_t tried = start(returns);
    timespec soon{};
    ::clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_sec += 60;
    require(::pthread_timedjoin_np(tried, nullptr, &soon) == 0, "pthread_timedjoin_np");
    std::thread([] {}).join();
}

void start_and_detach() {
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    start(returns, &attributes);
    ::pthread_attr_destroy(&attributes);
    ::pthread_detach(start(returns));
    start(detaches_itself);
    std::thread([] {}).detach();
}

}  // namespace

int main() {
    for (int i = 0; i < 3; ++i) {
        leave_running();
        leave_unjoined();
    }
    for (int i = 0; i < 300; ++i) {
        start_and_join();
        start_and_detach();
    }
    // A child that starts and joins threads of its own.
    const pid_t child = ::fork();
    if (child == 0) {
        for (int i = 0; i < 50; ++i) start_and_join();
        ::_exit(0);
    }
    int status = 1;
    require(::waitpid(child, &status, 0) == child && status == 0, "the child");
    ::usleep(100'000);  // for threads that were detached
    std::puts("ok");
    std::fflush(stdout);
    for (;;) ::pause();
}
