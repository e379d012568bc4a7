#include "system/seccomp.hpp"

#include <doctest/doctest.h>
#include <linux/audit.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <random>

using namespace leakline;

namespace {

constexpr int kNoSystemCall = 4000;
constexpr std::uint64_t kArguments[] = {0x1122334455667788, 7, 0, ~std::uint64_t{0}, 1 << 20, 0x80000000};

seccomp_data call_of(int number) {
    seccomp_data call{};
    call.nr = number;
    call.arch = AUDIT_ARCH_X86_64;
    std::copy(std::begin(kArguments), std::end(kArguments), call.args);
    return call;
}

// For kNoSystemCall `body`, whose result becomes the error; everything else is allowed.
SeccompFilter with_body(const SeccompFilter& body) {
    SeccompFilter program = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kNoSystemCall, 1, 0), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    program.insert(program.end(), body.begin(), body.end());
    for (const sock_filter& last :
         {sock_filter BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x7ff), sock_filter BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
          sock_filter BPF_STMT(BPF_RET | BPF_A, 0)})
        program.push_back(last);
    return program;
}

SeccompFilter random_body(std::mt19937& random) {
    const auto number = [&] { return static_cast<std::uint32_t>(random()); };
    const auto below = [&](std::uint32_t end) { return number() % end; };
    constexpr std::uint16_t kOperations[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_OR, BPF_AND, BPF_LSH, BPF_RSH, BPF_NEG, BPF_XOR, BPF_DIV};
    constexpr std::uint16_t kJumps[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET, BPF_JA};
    SeccompFilter body;
    const std::uint32_t size = 4 + below(24);
    for (std::uint32_t i = 0; i < size; ++i) {
        const auto source = static_cast<std::uint16_t>(below(2) != 0 ? BPF_X : BPF_K);
        const std::uint32_t left = size - i - 1;
        switch (below(7)) {
            case 0: body.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16 + 4 * below(12))); break;
            case 1: body.push_back(BPF_STMT(static_cast<std::uint16_t>((below(2) != 0 ? BPF_LD : BPF_LDX) | BPF_IMM), number())); break;
            case 2: body.push_back(BPF_STMT(static_cast<std::uint16_t>(below(2) != 0 ? BPF_ST : BPF_STX), below(BPF_MEMWORDS))); break;
            case 3:
                body.push_back(BPF_STMT(static_cast<std::uint16_t>((below(2) != 0 ? BPF_LD : BPF_LDX) | BPF_MEM), below(BPF_MEMWORDS)));
                break;
            case 4: body.push_back(BPF_STMT(static_cast<std::uint16_t>(BPF_MISC | (below(2) != 0 ? BPF_TAX : BPF_TXA)), 0)); break;
            case 5: {
                const std::uint16_t operation = kOperations[below(std::size(kOperations))];
                const bool shifts = operation == BPF_LSH || operation == BPF_RSH;
                body.push_back(BPF_STMT(static_cast<std::uint16_t>(BPF_ALU | operation | (shifts || operation == BPF_DIV ? BPF_K : source)),
                                        shifts ? below(32) : 1 + below(1000)));
                break;
            }
            default: {
                const std::uint16_t jump = kJumps[below(std::size(kJumps))];
                const std::uint32_t most = std::min<std::uint32_t>(left, 200) + 1;
                if (jump == BPF_JA)
                    body.push_back(BPF_STMT(BPF_JMP | BPF_JA, below(most)));
                else
                    body.push_back(BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | jump | source), number(),
                                            static_cast<std::uint8_t>(below(most)), static_cast<std::uint8_t>(below(most))));
            }
        }
    }
    return body;
}

// The error that the kernel answers with; nothing if it does not take the program (it reads memory that was not written).
std::optional<std::uint32_t> answer_of_kernel(SeccompFilter program) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
        std::uint32_t answer = ~0u;
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0) {
            const long result =
                ::syscall(kNoSystemCall, kArguments[0], kArguments[1], kArguments[2], kArguments[3], kArguments[4], kArguments[5]);
            answer = result == 0 ? 0 : static_cast<std::uint32_t>(errno);
        }
        ::_exit(::write(ends[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
    }
    ::close(ends[1]);
    std::uint32_t answer = ~0u;
    CHECK(::read(ends[0], &answer, sizeof answer) == sizeof answer);
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return answer != ~0u ? std::optional(answer) : std::nullopt;
}

}  // namespace

TEST_CASE("a filter's answer is the kernel's, for 300 random programs") {
    std::mt19937 random(7);
    int compared = 0;
    for (int i = 0; i < 2000 && compared < 300; ++i) {
        const SeccompFilter program = with_body(random_body(random));
        const auto truth = answer_of_kernel(program);
        if (!truth) continue;
        ++compared;
        CAPTURE(i);
        const auto answer = run_filter(program, call_of(kNoSystemCall));
        REQUIRE(answer.has_value());
        CHECK((*answer & SECCOMP_RET_DATA) == *truth);
        CHECK(run_filter(program, call_of(1)) == SECCOMP_RET_ALLOW);
    }
    if (compared == 0) MESSAGE("skipped: seccomp filters are not allowed here");
}

TEST_CASE("any bytes are a filter that answers or is refused") {
    std::mt19937 random(11);
    for (int i = 0; i < 20'000; ++i) {
        SeccompFilter program(random() % 12);
        for (sock_filter& now : program)
            now = {static_cast<std::uint16_t>(random() % 256), static_cast<std::uint8_t>(random()), static_cast<std::uint8_t>(random()),
                   random() % 3 == 0 ? static_cast<std::uint32_t>(random()) : static_cast<std::uint32_t>(random() % 80)};
        run_filter(program, call_of(3));
    }
    CHECK_FALSE(run_filter({}, call_of(3)).has_value());
    const SeccompFilter by_place = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, instruction_pointer)),
                                    BPF_STMT(BPF_RET | BPF_A, 0)};
    CHECK_FALSE(run_filter(by_place, call_of(3)).has_value());
}

TEST_CASE("the strictest of several filters counts") {
    const auto returns = [](std::uint32_t value) { return SeccompFilter{BPF_STMT(BPF_RET | BPF_K, value)}; };
    const auto answer = [&](std::initializer_list<std::uint32_t> values) {
        std::vector<SeccompFilter> filters;
        for (const std::uint32_t value : values) filters.push_back(returns(value));
        return answer_of(filters, call_of(3));
    };
    CHECK(answer_of({}, call_of(3)) == SeccompAnswer::allowed);
    CHECK(answer({SECCOMP_RET_LOG, SECCOMP_RET_ALLOW}) == SeccompAnswer::allowed);
    CHECK(answer({SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM}) == SeccompAnswer::fails);
    CHECK(answer({SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_TRAP}) == SeccompAnswer::dangerous);
    for (const std::uint32_t value :
         {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE})
        CHECK(answer({SECCOMP_RET_ALLOW, value}) == SeccompAnswer::dangerous);
    CHECK(answer_of(std::vector<SeccompFilter>(1), call_of(3)) == SeccompAnswer::dangerous);
}
