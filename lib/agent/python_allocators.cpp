// The hooks before pymalloc, which serves small blocks from memory of its own.
#include "agent/internal/python.hpp"
#include "agent/internal/python_interpreter.hpp"
#include "agent/internal/python_objects.hpp"
#include "agent/internal/sampled_calls.hpp"

namespace leakline::agent::python {

namespace {

// PyMemAllocatorEx, and the domains of PyMemAllocatorDomain that pymalloc serves.
struct Allocator {
    void* context;
    void* (*malloc)(void*, std::size_t);
    void* (*calloc)(void*, std::size_t, std::size_t);
    void* (*realloc)(void*, void*, std::size_t);
    void (*free)(void*, void*);
};
enum Domain { kMemory = 1, kObjects = 2 };

Allocator real_allocators[3];
// Larger blocks come from malloc, which has hooks of its own. PYTHONMALLOC=debug adds bytes to each before pymalloc sees it.
constexpr std::size_t kLargestOfPymalloc = 512, kAddedForDebugging = 24;
std::size_t largest_small = kLargestOfPymalloc;

template <Domain D>
struct Hooks {
    static Allocator& real() { return real_allocators[D]; }
    LEAKLINE_SLOW static void* slow_malloc(void* context, std::size_t size) {
        return allocated(size, LEAKLINE_FRAME, [&] { return real().malloc(context, size); });
    }
    LEAKLINE_SLOW static void* slow_calloc(void* context, std::size_t number, std::size_t size) {
        return allocated(number * size, LEAKLINE_FRAME, [&] { return real().calloc(context, number, size); });
    }
    LEAKLINE_SLOW static void* slow_realloc(void* context, void* old, std::size_t size) {
        return reallocated(old, size, size <= largest_small, LEAKLINE_FRAME, [&] { return real().realloc(context, old, size); });
    }
    LEAKLINE_SLOW static void slow_free(void* context, void* block) {
        SampledBlock was;
        forget(block, was);
        real().free(context, block);
    }
    static void* malloc(void* context, std::size_t size) {
        if (size <= largest_small && is_due(size)) return slow_malloc(context, size);
        return real().malloc(context, size);
    }
    static void* calloc(void* context, std::size_t number, std::size_t size) {
        std::size_t bytes;
        if (!__builtin_mul_overflow(number, size, &bytes) && bytes <= largest_small && is_due(bytes))
            return slow_calloc(context, number, size);
        return real().calloc(context, number, size);
    }
    static void* realloc(void* context, void* old, std::size_t size) {
        if (may_be_sample(old) || (size <= largest_small && is_due(size))) return slow_realloc(context, old, size);
        return real().realloc(context, old, size);
    }
    static void free(void* context, void* block) {
        if (may_be_sample(block)) return slow_free(context, block);
        real().free(context, block);
    }
    // The contexts stay, so that a call which meets half of the change is right.
    static Allocator hooked() { return {real().context, &malloc, &calloc, &realloc, &free}; }
};

bool in_place;  // our hooks, perhaps behind those of another (tracemalloc)
bool settled;   // the interpreter has started, and no longer chooses its allocators
void (*get_allocator)(int, Allocator*);
void (*set_allocator)(int, Allocator*);

bool same(const Allocator& a, const Allocator& b) {
    return a.context == b.context && a.malloc == b.malloc && a.calloc == b.calloc && a.realloc == b.realloc && a.free == b.free;
}

// What PYTHONMALLOC=debug puts before the given allocator: its context has a letter for the domain, then that allocator. The context of
// tracemalloc begins with it.
bool checks(const Allocator& outer, const Allocator& inner) {
    constexpr int kInner = 8;
    if (outer.context == nullptr || !is_interpreter(outer.context) || !is_interpreter(reinterpret_cast<const void*>(outer.malloc)))
        return false;
    return same(at<Allocator>(outer.context, kInner), inner);
}

Allocator current(Domain domain) {
    Allocator now;
    get_allocator(domain, &now);
    return now;
}

// Whether it is what PYTHONMALLOC=debug puts before another allocator.
bool is_checking(const Allocator& allocator, char letter) {
    return allocator.context != nullptr && is_interpreter(allocator.context) &&
           is_interpreter(reinterpret_cast<const void*>(allocator.malloc)) &&
           at<std::uint64_t>(allocator.context, 0) == static_cast<unsigned char>(letter);
}

template <Domain D>
void put_hooks_before(const Allocator& real) {
    real_allocators[D] = real;
    Allocator hooked = Hooks<D>::hooked();
    set_allocator(D, &hooked);
}

}  // namespace

bool put_hooks() {
    if (!look_up(get_allocator, "PyMem_GetAllocator") || !look_up(set_allocator, "PyMem_SetAllocator")) return false;
    if (in_place) return true;
    largest_small = kLargestOfPymalloc - (is_checking(current(kObjects), 'o') ? kAddedForDebugging : 0);
    settled = false;
    put_hooks_before<kMemory>(current(kMemory));
    put_hooks_before<kObjects>(current(kObjects));
    return in_place = true;
}

// PYTHONMALLOC, -X dev and PYTHONDEVMODE make the interpreter choose its allocators anew when it starts: pymalloc as it was before the hooks,
// or what checks each block before that. Others stay as they are: before the hooks they may lead to them, and malloc has hooks of its own.
void keep_hooks(bool started) {
    if (!in_place || settled) return;
    settled = started;
    const Allocator memory = current(kMemory), objects = current(kObjects);
    const Allocator old_memory = real_allocators[kMemory], old_objects = real_allocators[kObjects];
    const bool checked = checks(memory, old_memory) && checks(objects, old_objects);
    if (!checked && (!same(memory, old_memory) || !same(objects, old_objects))) return;
    if (checked) largest_small = kLargestOfPymalloc - kAddedForDebugging;
    put_hooks_before<kMemory>(memory);
    put_hooks_before<kObjects>(objects);
}

void take_hooks() {
    if (!in_place) return;
    const Allocator memory = current(kMemory), objects = current(kObjects);
    if (memory.malloc != Hooks<kMemory>::hooked().malloc || objects.malloc != Hooks<kObjects>::hooked().malloc) return;
    set_allocator(kMemory, &real_allocators[kMemory]);
    set_allocator(kObjects, &real_allocators[kObjects]);
    in_place = false;
}

void forget_hooks() { in_place = false; }

}  // namespace leakline::agent::python
