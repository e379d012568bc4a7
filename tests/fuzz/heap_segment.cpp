// A segment as a process that is killed, or anything else that writes to its file, may leave it: a good one, with words of it
// replaced. The input says which: 4 bytes of a place, 8 of what is put there, again and again; half of it between two readings.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "agent/internal/descriptor_table.hpp"
#include "agent/internal/sample_table.hpp"
#include "agent/internal/stack_table.hpp"
#include "agent/internal/thread_table.hpp"
#include "agent/segment_in_memory.hpp"
#include "base/error.hpp"
#include "heap/internal/agent_recording.hpp"
#include "heap/internal/recording_file.hpp"
#include "heap_profile_check.hpp"
#include "system/byte_source.hpp"
#include "system/descriptor.hpp"

namespace {

using namespace leakline;

constexpr agent::SegmentSizes kSizes{256, 16, 64, 16, 1024, 16, 1024, 0, 128, 64};

agent::LoadedCode find_code(std::uint64_t address) {
    const std::uint64_t begin = address & ~std::uint64_t{0xfff};
    return {begin, begin + 0x1000, begin, address % 3 == 0 ? "/usr/lib/libone.so" : "/usr/lib/libtwo.so"};
}

const test::SegmentInMemory& good_segment() {
    static const auto segment = [] {
        auto made = std::make_unique<test::SegmentInMemory>(kSizes, 4096);
        agent::SegmentHeader& header = *made->view.header;
        header.magic = agent::kSegmentMagic;
        header.version = agent::kSegmentVersion;
        header.pid = 1;
        static agent::AddressFilter filter;
        agent::SampleTable samples;
        agent::StackTable stacks;
        agent::DescriptorTable descriptors;
        static agent::ThreadTable threads;
        samples.begin(made->view, filter, false, true);
        stacks.begin(made->view, find_code, true);
        descriptors.begin(made->view, true);
        threads.begin(made->view, true);
        header.executable = stacks.put_name("/usr/bin/svc");
        header.command = stacks.put_name("svc -x");
        header.command_size = 6;
        for (std::uint64_t i = 0; i < 100; ++i) {
            const std::uint64_t frames[] = {0x5000 + i % 7 * 0x800 + 5, 0x1005 + i % 3, 0x1100};
            const std::uint32_t stack = stacks.find(frames, 3);
            samples.insert({0x10000 + i * 64, i * 100, i, stack});
            descriptors.put(static_cast<unsigned>(i), stack);
            threads.add(i % 50, static_cast<std::uint32_t>(i), stack, i % 2 == 0);
            made->view.stacks[stack].allocations_q8 += 256 * 50;
            made->view.stacks[stack].allocated_bytes += 5000;
            if (i % 30 == 0) stacks.code_unloaded();
        }
        header.ready = 1;
        return made;
    }();
    return *segment;
}

void replace(std::string& bytes, const std::uint8_t* data, std::size_t size) {
    for (; size >= 12; data += 12, size -= 12) {
        std::uint32_t place;
        std::memcpy(&place, data, sizeof place);
        std::memcpy(bytes.data() + place % (bytes.size() - 8), data + 4, 8);
    }
}

void rewrite(int file, const std::string& bytes) {
    if (::pwrite(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
}

void check(const HeapMark& mark, const heap::RecordedTables& tables) {
    TraceId last;
    for (const HeapMark::Change& change : mark.changes) {
        fuzz::require(last < change.trace && change.trace.value <= tables.traces.size());
        last = change.trace;
    }
    for (const HeapMark::Open& open : mark.open) fuzz::require(open.trace.value >= 1 && open.trace.value <= tables.traces.size());
    for (std::size_t i = 0; i < tables.traces.size(); ++i) {
        fuzz::require(tables.traces[i].ip.value >= 1 && tables.traces[i].ip.value <= tables.symbols.addresses.size());
        fuzz::require(tables.traces[i].parent.value <= i);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string bytes(reinterpret_cast<const char*>(good_segment().view.header), agent::layout_of(kSizes).bytes);
    const std::size_t half = size / 24 * 12;
    replace(bytes, data, half);
    const Descriptor file(::memfd_create("segment", MFD_CLOEXEC)), out(::memfd_create("recording", MFD_CLOEXEC));
    rewrite(file.get(), bytes);
    try {
        heap::AgentRecording recording("/usr/bin/svc", "svc", heap::Children::sum);
        heap::RecordingWriter writer(out.get());
        heap::AgentRecording::Process& process = recording.add(heap::SegmentReader(Descriptor(::dup(file.get())), "input", Nanoseconds(0)));
        writer.header({}, recording.tables());
        for (const int at : {1, 2, 3}) {
            if (at == 2) {
                replace(bytes, data + half, size - half);
                rewrite(file.get(), bytes);
            }
            if (at == 3) process.read_last();
            const HeapMark mark = recording.mark({}, std::chrono::milliseconds(at), 4096, &process);
            check(mark, recording.tables());
            writer.mark(mark, recording.tables());
        }
        heap::Symbols symbols;
        symbols.ips.resize(recording.symbols().addresses.size());
        writer.finish({}, recording.tables(), recording.peak({}), {}, symbols);
        recording.warnings();
        std::string written(static_cast<std::size_t>(::lseek(out.get(), 0, SEEK_END)), '\0');
        fuzz::require(read_at(out.get(), written.data(), written.size(), 0) == written.size());
        const auto source = memory_source(written);
        std::string magic(heap::kRecordingMagic.size(), '\0');
        fuzz::require(source->read({magic.data(), magic.size()}) == magic.size() && magic == heap::kRecordingMagic);
        fuzz::check_profile(heap::read_recording(*source, "recording"));
    } catch (const Error&) {
    }
    return 0;
}
