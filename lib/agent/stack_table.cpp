#include "agent/internal/stack_table.hpp"

#include <cstring>

namespace leakline::agent {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::uint64_t hash_of(const std::uint64_t* frames, std::uint32_t depth) {
    std::uint64_t hash = depth + 1;
    for (std::uint32_t i = 0; i < depth; ++i) {
        hash = (hash ^ frames[i]) * 0xd6e8feb86659fd93u;
        hash ^= hash >> 32;
    }
    return hash;
}

}  // namespace

void StackTable::begin(const SegmentView& segment, FindCode find_code, bool all_there) {
    segment_ = segment;
    find_code_ = find_code;
    const SegmentSizes& sizes = segment.header->sizes;
    stacks_ = Populated(segment.stacks, sizes.stacks * sizeof(Stack), all_there);
    frames_ = Populated(segment.frames, sizes.frames * sizeof(std::uint64_t), all_there);
    modules_ = Populated(segment.modules, sizes.modules * sizeof(Module), all_there);
    names_ = Populated(segment.names, sizes.names, all_there);
    last_module_ = nullptr;
    for (std::uint32_t& place : found_names_) place = 0;
    // Stack 0 and the empty name are zeroes.
    if (stacks_.reach(sizeof(Stack))) segment.header->stacks_used.store(1, std::memory_order_release);
    if (names_.reach(1)) segment.header->names_used.store(1, std::memory_order_release);
}

std::uint32_t StackTable::put_name(std::string_view text) {
    std::atomic<std::uint32_t>& used = segment_.header->names_used;
    const std::uint32_t at = used.load(kRelaxed);
    const std::size_t end = at + text.size() + 1;
    if (text.empty() || at == 0 || end > segment_.header->sizes.names || !names_.reach(end)) return 0;
    std::memcpy(segment_.names + at, text.data(), text.size());
    segment_.names[end - 1] = '\0';
    used.store(static_cast<std::uint32_t>(end), std::memory_order_release);
    return at;
}

std::uint32_t StackTable::find_name(std::string_view text) {
    std::uint64_t hash = text.size();
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;  // FNV-1a
    std::uint32_t& place = found_names_[(hash ^ hash >> 32) % kFoundNames];
    const char* const known = segment_.names + place;
    if (place == 0 || std::strncmp(known, text.data(), text.size()) != 0 || known[text.size()] != '\0') place = put_name(text);
    return place;
}

bool StackTable::copy_names(const SegmentView& parents) {
    const std::uint32_t used = parents.header->names_used.load(std::memory_order_acquire);
    if (used > segment_.header->sizes.names || !names_.reach(used)) return false;
    std::memcpy(segment_.names, parents.names, used);
    segment_.header->names_used.store(used, std::memory_order_release);
    return true;
}

Module* StackTable::know_module(std::uint64_t address) {
    SegmentHeader& header = *segment_.header;
    const std::uint32_t now = epoch(), used = header.modules_used.load(kRelaxed);
    const auto is_at = [&](const Module& module) {
        return module.last_epoch.load(kRelaxed) == now && module.begin <= address && address < module.end;
    };
    if (last_module_ != nullptr && is_at(*last_module_)) return last_module_;
    for (std::uint32_t i = 0; i < used; ++i)
        if (is_at(segment_.modules[i])) return last_module_ = &segment_.modules[i];
    const LoadedCode code = find_code_(address);
    if (code.begin == 0) return nullptr;
    // Only the newest module at this address can be extended: older ones were replaced.
    for (std::uint32_t i = used; i > 0; --i) {
        Module& module = segment_.modules[i - 1];
        if (module.begin >= code.end || code.begin >= module.end) continue;
        if (module.begin != code.begin || module.end != code.end || module.base != code.base || code.name != segment_.names + module.name)
            break;
        module.last_epoch.store(now, kRelaxed);
        return last_module_ = &module;
    }
    if (used == header.sizes.modules || !modules_.reach((used + std::size_t{1}) * sizeof(Module))) return nullptr;
    const std::uint32_t name = put_name(code.name);
    if (name == 0 && !code.name.empty()) return nullptr;
    Module& module = segment_.modules[used];
    module.begin = code.begin;
    module.end = code.end;
    module.base = code.base;
    module.first_epoch = now;
    module.last_epoch.store(now, kRelaxed);
    module.name = name;
    header.modules_used.store(used + 1, std::memory_order_release);
    return last_module_ = &module;
}

bool StackTable::know_code(const std::uint64_t* frames, std::uint32_t depth, std::uint32_t since) {
    bool same = true;
    for (std::uint32_t i = 0; i < depth; ++i) {
        if (PythonFrame::is_one(frames[i])) continue;
        const Module* const module = know_module(frames[i] - 1);
        same = same && (module == nullptr || module->first_epoch <= since);
    }
    return same;
}

std::uint32_t StackTable::find(const std::uint64_t* frames, std::uint32_t depth) {
    SegmentHeader& header = *segment_.header;
    const std::uint64_t hash = hash_of(frames, depth);
    std::uint32_t& head = segment_.stack_heads[hash & (header.sizes.stack_heads - 1)];
    const std::uint32_t now = epoch();
    for (std::uint32_t i = head; i != 0; i = segment_.stacks[i - 1].next) {
        Stack& stack = segment_.stacks[i - 1];
        if (stack.hash != hash || stack.depth != depth || std::memcmp(segment_.frames + stack.first, frames, depth * sizeof *frames) != 0)
            continue;
        const std::uint32_t then = stack.epoch.load(kRelaxed);
        if (then != now) {
            if (!know_code(frames, depth, then)) continue;
            stack.epoch.store(now, kRelaxed);
        }
        return i - 1;
    }
    const std::uint32_t used = header.stacks_used.load(kRelaxed), first = header.frames_used.load(kRelaxed);
    if (used == 0 || used == header.sizes.stacks || depth > header.sizes.frames - first) return 0;
    if (!stacks_.reach((used + std::size_t{1}) * sizeof(Stack)) || !frames_.reach((first + std::size_t{depth}) * sizeof *frames)) return 0;
    know_code(frames, depth, now);
    std::memcpy(segment_.frames + first, frames, depth * sizeof *frames);
    header.frames_used.store(first + depth, std::memory_order_release);
    Stack& stack = segment_.stacks[used];
    stack.hash = hash;
    stack.first = first;
    stack.depth = depth;
    stack.epoch.store(now, kRelaxed);
    stack.next = head;
    head = used + 1;
    header.stacks_used.store(used + 1, std::memory_order_release);
    return used;
}

}  // namespace leakline::agent
