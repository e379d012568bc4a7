#include "heap/internal/attached_segment.hpp"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "system/clock.hpp"
#include "system/stop.hpp"

namespace leakline::heap {

AttachedSegment::~AttachedSegment() {
    if (page_ != nullptr) ::munmap(page_, agent::kPage);
}

agent::Attachment* AttachedSegment::attachment() {
    struct stat status {};
    if (page_ == nullptr && ::fstat(file_.get(), &status) == 0 && status.st_size >= static_cast<off_t>(agent::kPage)) {
        void* const page = ::mmap(nullptr, agent::kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
        if (page != MAP_FAILED) page_ = page;
    }
    return page_ != nullptr ? &static_cast<agent::SegmentHeader*>(page_)->attachment : nullptr;
}

Bytes AttachedSegment::memory() const {
    constexpr Bytes kBlock = 512;  // of st_blocks, whatever the file system's
    struct stat status {};
    return ::fstat(file_.get(), &status) == 0 ? static_cast<Bytes>(status.st_blocks) * kBlock : 0;
}

void AttachedSegment::beat() {
    if (auto* const words = attachment()) words->beat.fetch_add(1);
}

agent::AttachState AttachedSegment::state() {
    auto* const words = attachment();
    return words != nullptr ? words->state.load() : agent::AttachState::none;
}

agent::AttachEnd AttachedSegment::end_reason() {
    auto* const words = attachment();
    return words != nullptr ? words->end.load() : agent::AttachEnd::none;
}

AttachedSegment::Slots AttachedSegment::slots() {
    auto* const words = attachment();
    return words != nullptr ? Slots{words->slots.load(), words->other_slots.load()} : Slots{};
}

void AttachedSegment::ask_to_leave() {
    auto* const words = attachment();
    if (words == nullptr) return;
    agent::AttachEnd none = agent::AttachEnd::none;
    words->end.compare_exchange_strong(none, agent::AttachEnd::requested);
    words->detach.store(1);
    ::syscall(SYS_futex, &words->detach, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

bool AttachedSegment::detach(Nanoseconds patience) {
    if (attachment() == nullptr) return false;
    ask_to_leave();
    const Nanoseconds deadline = system_clock().monotonic() + patience;
    while (state() != agent::AttachState::ended) {
        if (system_clock().monotonic() > deadline) return false;
        sleep_for({}, std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace leakline::heap
