#include "heap/internal/attached_list.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"

namespace leakline::heap {

AttachedList::AttachedList() {
    void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw os_error(ErrorKind::system, "record", "cannot map memory", errno);
    shared_ = static_cast<Shared*>(memory);
}

AttachedList::~AttachedList() { ::munmap(shared_, sizeof(Shared)); }

std::optional<std::size_t> AttachedList::add(const Process& process) {
    const auto place = static_cast<std::size_t>(
        std::find_if(shared_->entries, shared_->entries + kEntries, [](const Entry& entry) { return entry.pid == 0; }) - shared_->entries);
    if (place == kEntries) return std::nullopt;
    Entry& entry = shared_->entries[place];
    entry.segment = process.segment;
    entry.memory = process.memory;
    entry.pid = process.pid;
    shared_->used = std::max(shared_->used.load(), static_cast<std::uint32_t>(place + 1));
    return place;
}

void AttachedList::set_memory(std::size_t place, Bytes memory) { shared_->entries[place].memory = memory; }

void AttachedList::remove(std::size_t place) { shared_->entries[place].pid = 0; }

std::vector<AttachedList::Process> AttachedList::read() const {
    std::vector<Process> processes;
    for (std::size_t i = 0; i < shared_->used; ++i) {
        const Entry& entry = shared_->entries[i];
        const Process process{entry.pid, entry.segment, entry.memory};
        if (process.pid != 0 && process.pid == entry.pid) processes.push_back(process);
    }
    return processes;
}

void AttachedList::set_unrecorded(std::size_t count) { shared_->unrecorded = static_cast<std::uint32_t>(count); }

std::size_t AttachedList::unrecorded() const { return shared_->unrecorded; }

}  // namespace leakline::heap
