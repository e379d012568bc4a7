#include "holders/internal/roots.hpp"

#include <algorithm>
#include <optional>

#include "base/strings.hpp"
#include "memory/glibc_arenas.hpp"

namespace leakline::holders {

namespace {

constexpr std::uint64_t kRedZone = 128;         // below the stack pointer, where leaf functions keep variables (System V ABI)
constexpr std::uint64_t kThreadRecord = 2304;   // glibc's struct pthread, which begins at the thread pointer
constexpr std::uint64_t kLibraryLocals = 8192;  // static thread-local storage of libraries, below it
constexpr std::uint64_t kNearby = 64;           // unnamed words this close to each other are one root

std::uint64_t aligned(std::uint64_t value, std::uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

// Their blocks are those of the tracker, and pointers to everything.
bool is_tracker(std::string_view path) {
    const std::string_view file = file_name(path);
    return file.starts_with("libheaptrack") || file.starts_with("libleakline");
}

class Search {
  public:
    Search(const MemoryImage& image, const HeapBlocks& heap, const BlockIndex& index, debuginfo::DebugInfo& names, NumberWords& numbers)
        : image_(image), heap_(heap), index_(index), names_(names), numbers_(numbers), taken_(heap.heaps) {
        taken_.insert(taken_.end(), heap.own.begin(), heap.own.end());
    }

    Roots run() {
        for (std::size_t thread = 0; thread < image_.threads.size(); ++thread) add_thread(thread);
        join_ranges(taken_);
        add_modules();
        add_mappings();
        for (const Range& range : heap_.unreadable) {
            Root root = root_of(Root::Kind::unreadable, range);
            add_words(root, range);
            keep(std::move(root), kLast);
        }
        order();
        return std::move(found_);
    }

  private:
    static constexpr std::uint64_t kPointer = 2, kUnnamed = 8;  // Root::handicap
    static constexpr std::size_t kGlobals = 0, kThreadLocals = 1, kFrames = 2;
    // What a thread has pointers to (its own record, the pointers of libraries to the object that it works for) is mostly owned elsewhere.
    // The same goes for libraries without debug information, and for the C library: what they know of the program's objects is less than the program
    // does.
    static constexpr std::size_t kThreadPointers = ~std::size_t{0} - 8, kLibraryGlobals = kThreadPointers + 1,
                                 kThreadData = kThreadPointers + 2, kStacks = kThreadPointers + 3, kMappings = kThreadPointers + 4,
                                 kRegisters = kThreadPointers + 5, kLast = kThreadPointers + 6;

    static Root root_of(Root::Kind kind, const Range& range) {
        Root root;
        root.kind = kind;
        root.begin = range.begin;
        root.end = range.end;
        return root;
    }

    void keep(Root root, std::size_t phase) {
        if (root.words.empty()) return;
        found_.roots.push_back(std::move(root));
        found_.phases.push_back(phase);
    }

    template <class Visit>
    void for_each_pointer(const Range& range, const Visit& visit) const {
        image_.for_each_word(range.begin, range.end, [&](std::uint64_t address, std::uint64_t value) {
            const BlockId block = index_.find(value);
            if (block != kNoBlock) visit(RootWord{address, block});
        });
    }

    void add_words(Root& root, const Range& range) const {
        for_each_pointer(range, [&](const RootWord& word) { root.words.push_back(word); });
    }

    // Where nothing says what a word is (the loader's hashes of symbol versions, the environment) a number below 2^32 is a pointer only if it
    // leads to the start of a block.
    bool is_likely(const RootWord& word) const {
        return !is_among_numbers(index_[word.block]) || image_.word(word.address) == index_[word.block].address;
    }

    // The stack of a thread from its stack pointer up: its frames, and what is above them. Above the stack of a thread that is not the main
    // one stand its thread-local storage and the C library's record of it, in the same mapping.
    void add_thread(std::size_t number) {
        const StoppedThread& thread = image_.threads[number];
        Root registers = root_of(Root::Kind::registers, {});
        registers.thread = number;
        for (std::size_t i = 0; i < thread.registers.size(); ++i)
            if (const BlockId block = index_.find(thread.registers[i]); block != kNoBlock) registers.words.push_back({i, block});
        keep(std::move(registers), kRegisters);

        found_.frames.emplace_back();
        const auto read = [&](std::uint64_t address, void* to, std::size_t size) { return image_.read(address, to, size); };
        const auto* region = image_.region_at(thread.stack_pointer);
        std::uint64_t above = 0;  // the frames
        if (region != nullptr) {
            found_.frames.back() = names_.unwind(thread.registers, read);
            std::uint64_t begin = std::max(thread.stack_pointer - kRedZone, region->mapping.begin);
            above = begin;
            const std::uint64_t end = stack_end(*region, thread);
            for (std::size_t i = 0; i < found_.frames.back().size(); ++i) {
                const Range range{above, found_.frames.back()[i].end};
                if (range.end <= range.begin || range.end > end) break;
                add_part(Root::Kind::frame, range, number, i);
                above = range.end;
            }
            taken_.push_back({region->mapping.begin, end});
            const Range locals = thread_data(thread);
            const std::uint64_t stop = locals.begin >= above && locals.begin < end ? locals.begin : end;
            add_part(Root::Kind::stack, {above, stop}, number, 0);
        }
        if (thread.thread_pointer == 0) return;
        Range data = thread_data(thread);
        // The last frames of a thread that is not the main one are close to it.
        if (above > data.begin && above < data.end) data.begin = above;
        for (const Range& range : heap_.heaps)
            if (range.end <= thread.thread_pointer) data.begin = std::max(data.begin, range.end);
        const auto block = names_.thread_local_block();
        const std::uint64_t start = thread_local_start(thread.thread_pointer, block);
        const Range variables{std::clamp(start, data.begin, data.end), std::clamp(start + block.size, data.begin, data.end)};
        add_variables(variables, start, number);
        add_part(Root::Kind::thread_data, {data.begin, variables.begin}, number, 0);
        add_part(Root::Kind::thread_data, {variables.end, data.end}, number, 0);
        taken_.push_back(data);
    }

    // The kernel joins mappings: what is behind the thread's record, or malloc's, is not the stack.
    std::uint64_t stack_end(const MemoryImage::Region& region, const StoppedThread& thread) const {
        std::uint64_t end = region.mapping.end;
        if (thread.thread_pointer > thread.stack_pointer) end = std::min(end, aligned(thread.thread_pointer + kThreadRecord, kPage));
        for (const Range& range : heap_.heaps)
            if (range.begin > thread.stack_pointer) end = std::min(end, range.begin);
        return end;
    }

    Range thread_data(const StoppedThread& thread) const {
        const auto* region = image_.region_at(thread.thread_pointer);
        if (thread.thread_pointer == 0 || region == nullptr) return {};
        const auto block = names_.thread_local_block();
        const std::uint64_t start = std::min(thread_local_start(thread.thread_pointer, block), thread.thread_pointer);
        return {std::max(region->mapping.begin, start < kLibraryLocals ? 0 : start - kLibraryLocals),
                std::min(region->mapping.end, thread.thread_pointer + kThreadRecord + block.size)};
    }

    void add_part(Root::Kind kind, const Range& range, std::size_t thread, std::size_t frame) {
        if (range.end <= range.begin) return;
        Root root = root_of(kind, range);
        root.thread = thread;
        root.frame = frame;
        add_words(root, range);
        if (kind == Root::Kind::stack) std::erase_if(root.words, [&](const RootWord& word) { return !is_likely(word); });
        const std::size_t outer = kind == Root::Kind::frame ? found_.frames.back().size() - frame : 0;
        // Frames of the main thread before those of others, and outer ones before those that they have called.
        constexpr std::size_t kMaxFrames = 4096;
        keep(std::move(root), kind == Root::Kind::frame         ? kFrames + thread * kMaxFrames + std::min(outer, kMaxFrames - 1)
                              : kind == Root::Kind::thread_data ? kThreadData
                                                                : kStacks);
    }

    // start: of the block that range is a part of.
    void add_variables(const Range& range, std::uint64_t start, std::size_t thread) {
        Root* last = nullptr;
        std::optional<debuginfo::Variable> variable;
        for_each_pointer(range, [&](const RootWord& word) {
            const std::uint64_t place = word.address - start;
            if (!is_in(variable, place)) variable = names_.thread_local_at(place);
            if (is_number(word, variable, place)) return;
            const std::uint64_t begin = variable ? start + variable->address : word.address;
            const bool same = last != nullptr && (last->begin == begin || (!variable && word.address - last->end <= kNearby));
            if (!same) {
                found_.roots.push_back(root_of(Root::Kind::thread_local_, {begin, word.address}));
                const bool pointer = variable && names_.type(variable->type).kind == debuginfo::Type::Kind::pointer;
                found_.phases.push_back(pointer ? kThreadPointers : kThreadLocals);
                last = &found_.roots.back();
                last->thread = thread;
            }
            last->end = word.address + 8;
            last->words.push_back(word);
        });
    }

    // The writable data of each module; what follows it without a file is its .bss.
    void add_modules() {
        const MemoryImage::Region* before = nullptr;
        std::string module;
        std::vector<Range> looked_through;
        for (const auto& region : image_.regions) {
            const bool bss = before != nullptr && is_bss(before->mapping, region.mapping);
            if (region.mapping.is_file())
                module = region.mapping.path;
            else if (!bss)
                module.clear();
            before = &region;
            if (module.empty()) continue;
            add_module_data(region, module);
            if (bss) {
                looked_through.push_back({region.mapping.begin, region.mapping.end});
                module.clear();
            }
        }
        taken_.insert(taken_.end(), looked_through.begin(), looked_through.end());
        join_ranges(taken_);
    }

    void add_module_data(const MemoryImage::Region& region, const std::string& module) {
        if (is_tracker(module)) return;
        // The buffer of stdout can have pointers of what was in that block before.
        const bool is_c_library = memory::glibc::is_library(module);
        const bool own = module == image_.executable || (names_.has_debug_info(region.mapping.begin) && !is_c_library);
        Root* last = nullptr;
        bool last_has_symbol = false;
        std::optional<debuginfo::Variable> variable;
        std::optional<debuginfo::DataSymbol> symbol;
        for_each_pointer({region.mapping.begin, region.mapping.end}, [&](const RootWord& word) {
            if (is_taken(word.address)) return;
            if (is_among_numbers(index_[word.block]) && !is_in(variable, word.address)) variable = names_.variable_at(word.address);
            if (is_number(word, variable, word.address)) return;
            if (!symbol || word.address - symbol->address >= symbol->size) symbol = names_.data_symbol(word.address);
            const std::uint64_t begin = symbol ? symbol->address : word.address;
            const bool same = last != nullptr && (symbol ? last->begin == begin : !last_has_symbol && word.address - last->end <= kNearby);
            if (!same) {
                found_.roots.push_back(root_of(Root::Kind::global, {begin, symbol ? symbol->address + symbol->size : word.address}));
                found_.phases.push_back(own ? kGlobals : kLibraryGlobals);
                last = &found_.roots.back();
                last->module = module;
                last->handicap = !symbol ? kUnnamed : is_pointer(*symbol) ? kPointer : 1;
                last_has_symbol = symbol.has_value();
            }
            if (!symbol) last->end = word.address + 8;
            last->words.push_back(word);
        });
    }

    // Or a number that is one in disguise.
    bool is_pointer(const debuginfo::DataSymbol& symbol) {
        if (symbol.size > sizeof(std::uint64_t)) return false;
        const auto variable = names_.variable_at(symbol.address);
        if (!variable) return true;
        const debuginfo::Type::Kind kind = names_.type(variable->type).kind;
        return kind == debuginfo::Type::Kind::pointer || kind == debuginfo::Type::Kind::scalar;
    }

    // Words come in order, so the variable of one is often that of the next: to look it up takes much longer.
    bool is_in(const std::optional<debuginfo::Variable>& variable, std::uint64_t place) {
        return variable && place - variable->address < names_.type(variable->type).size;
    }

    // By the type of the variable that covers it. place: of the word, as the variable's address.
    bool is_number(const RootWord& word, const std::optional<debuginfo::Variable>& variable, std::uint64_t place) {
        return is_among_numbers(index_[word.block]) && variable && numbers_.is_number(variable->type, place - variable->address);
    }

    bool is_taken(std::uint64_t address) const { return contain(taken_, address); }

    void add_mappings() {
        for (const auto& region : image_.regions) {
            if (!region.mapping.is_anonymous()) continue;
            Root root = root_of(Root::Kind::mapping, {end_of_old_stack(region), region.mapping.end});
            for_each_pointer({root.begin, root.end}, [&](const RootWord& word) {
                if (!is_taken(word.address) && is_likely(word)) root.words.push_back(word);
            });
            keep(std::move(root), kMappings);
        }
    }

    // glibc keeps the stacks of threads that have ended for new ones, with all that was on them. At the end of such a stack stands the
    // thread's record, which points to itself twice (tcbhead_t: tcb, dtv, self). Where there is none: the region's begin.
    std::uint64_t end_of_old_stack(const MemoryImage::Region& region) const {
        std::uint64_t end = region.mapping.begin;
        if (image_.running_threads > 0) return end;
        image_.for_each_word(region.mapping.begin, region.mapping.end, [&](std::uint64_t address, std::uint64_t value) {
            if (value != address || image_.word(address + 16) != address) return;
            const bool lives = std::any_of(image_.threads.begin(), image_.threads.end(),
                                           [&](const StoppedThread& thread) { return thread.thread_pointer == address; });
            if (!lives && !is_taken(address)) end = std::min(aligned(address + kThreadRecord, kPage), region.mapping.end);
        });
        return end;
    }

    void order() {
        std::vector<std::size_t> places(found_.roots.size());
        for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
        std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) { return found_.phases[a] < found_.phases[b]; });
        std::vector<Root> roots;
        std::vector<std::size_t> phases;
        for (const std::size_t place : places) {
            roots.push_back(std::move(found_.roots[place]));
            phases.push_back(found_.phases[place]);
        }
        found_.roots = std::move(roots);
        found_.phases = std::move(phases);
    }

    const MemoryImage& image_;
    const HeapBlocks& heap_;
    const BlockIndex& index_;
    debuginfo::DebugInfo& names_;
    NumberWords& numbers_;
    std::vector<Range> taken_;  // looked through already, or the allocator's
    Roots found_;
};

}  // namespace

std::uint64_t thread_local_start(std::uint64_t thread_pointer, const debuginfo::DebugInfo::ThreadLocalBlock& block) {
#if defined(__aarch64__)
    return aligned(thread_pointer + 16, block.alignment);  // variant I of "ELF Handling For Thread-Local Storage" (Drepper, 2005)
#else
    return thread_pointer - aligned(block.size, block.alignment);  // variant II
#endif
}

Roots find_roots(const MemoryImage& image, const HeapBlocks& heap, const BlockIndex& index, debuginfo::DebugInfo& names,
                 NumberWords& numbers) {
    return Search(image, heap, index, names, numbers).run();
}

}  // namespace leakline::holders
