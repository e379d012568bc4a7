#include "unwind/stack_reach.hpp"

#include <errno.h>
#include <sys/syscall.h>

#include "unwind/system_call.hpp"

// Where the first thread's stack begins, by the loader.
extern "C" void* __libc_stack_end;

namespace leakline::unwind {

namespace {

constexpr std::uintptr_t kWord = 8;
constexpr std::uintptr_t page_of(std::uintptr_t address) { return address & ~std::uintptr_t{4095}; }

}  // namespace

[[gnu::tls_model("initial-exec")]] constinit thread_local OwnStack own_stack{};

// The kernel copies the set of signals before it looks at what is to be done with it, which here is nothing it knows.
bool is_readable(std::uintptr_t address) {
    constexpr long kNoSuchOperation = -1;
    return system_call(SYS_rt_sigprocmask, kNoSuchOperation, static_cast<long>(address), 0, kWord) == -EINVAL;
}

bool StackReach::extend(std::uintptr_t wanted) {
    while (end_ < wanted) {
        if (end_ - own_stack.low < own_stack.high - own_stack.low) {
            end_ = own_stack.high;
            own_ = true;
        } else {
            if (pages_left_ == 0) return false;
            unreadable_ = !is_readable(end_);
            if (unreadable_) return false;
            --pages_left_;
            end_ += kPage;
        }
    }
    return true;
}

bool StackReach::begin_search() {
    if (own_) return false;
    pages_left_ = kMaxPagesSearched;
    const unsigned searches = own_stack.searches++;
    return (searches & (searches + 1)) == 0;
}

// makecontext's stacks have an outermost frame too. So it must also stand where the thread's own must be: that of the first
// thread where the kernel put it, others below the thread's block of static storage, which the C library puts upon the stack.
void StackReach::outermost(std::uintptr_t sp) {
    if (own_ || own_stack.high != 0) return;
    constexpr std::uintptr_t kMaxAtStart = 256, kMaxStatic = 1 << 20;
    const bool first_thread = system_call(SYS_gettid) == system_call(SYS_getpid);
    const std::uintptr_t top = first_thread ? reinterpret_cast<std::uintptr_t>(__libc_stack_end) : thread_block();
    if (top - sp > (first_thread ? kMaxAtStart : kMaxStatic)) return;
    for (std::uintptr_t page = page_of(sp) + kPage; page < top; page += kPage)
        if (!is_readable(page)) return;
    own_stack.low = page_of(sp - kWord);
    asm volatile("" : : : "memory");  // a signal's handler may look between the two
    own_stack.high = end_;
    own_ = true;
}

void StackReach::learn() const {
    if (page_of(begin_) < own_stack.low) own_stack.low = page_of(begin_);
    own_stack.searches = 0;
}

}  // namespace leakline::unwind
