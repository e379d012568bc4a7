#include "agent/internal/allocator_names.hpp"

namespace leakline::agent {

namespace {

struct Row {
    std::string_view name;
    AllocatorCall call;
    AllocatorFamilies family = kStandard;
};

using enum AllocatorCall;

constexpr Row kFunctions[] = {
    {"malloc", size_0},
    {"calloc", count_0},
    {"realloc", resize_0},
    {"reallocarray", resize_count_0},
    {"memalign", size_1},
    {"aligned_alloc", size_1},
    {"posix_memalign", AllocatorCall::posix_memalign},
    {"valloc", size_0},
    {"pvalloc", size_0},
    {"free", frees},
    {"cfree", frees},
    {"free_sized", frees},
    {"free_aligned_sized", frees},
    {"mallocx", size_0, kJemalloc},
    {"rallocx", resize_0, kJemalloc},
    {"dallocx", frees, kJemalloc},
    {"sdallocx", frees, kJemalloc},
    {"new", size_0, kGperftools},
    {"new_nothrow", size_0, kGperftools},
    {"newarray", size_0, kGperftools},
    {"newarray_nothrow", size_0, kGperftools},
    {"new_aligned", size_0, kGperftools},
    {"new_aligned_nothrow", size_0, kGperftools},
    {"newarray_aligned", size_0, kGperftools},
    {"newarray_aligned_nothrow", size_0, kGperftools},
    {"delete", frees, kGperftools},
    {"delete_nothrow", frees, kGperftools},
    {"delete_sized", frees, kGperftools},
    {"deletearray", frees, kGperftools},
    {"deletearray_nothrow", frees, kGperftools},
    {"deletearray_sized", frees, kGperftools},
    {"delete_aligned", frees, kGperftools},
    {"delete_aligned_nothrow", frees, kGperftools},
    {"delete_sized_aligned", frees, kGperftools},
    {"deletearray_aligned", frees, kGperftools},
    {"deletearray_aligned_nothrow", frees, kGperftools},
    {"deletearray_sized_aligned", frees, kGperftools},
    {"zalloc", size_0, kMimalloc},
    {"mallocn", count_0, kMimalloc},
    {"malloc_small", size_0, kMimalloc},
    {"zalloc_small", size_0, kMimalloc},
    {"malloc_aligned", size_0, kMimalloc},
    {"zalloc_aligned", size_0, kMimalloc},
    {"malloc_aligned_at", size_0, kMimalloc},
    {"zalloc_aligned_at", size_0, kMimalloc},
    {"calloc_aligned", count_0, kMimalloc},
    {"calloc_aligned_at", count_0, kMimalloc},
    {"new_n", count_0, kMimalloc},
    {"new_realloc", resize_0, kMimalloc},
    {"new_reallocn", resize_count_0, kMimalloc},
    {"reallocn", resize_count_0, kMimalloc},
    {"reallocf", resize_0, kMimalloc},
    {"rezalloc", resize_0, kMimalloc},
    {"recalloc", resize_count_0, kMimalloc},
    {"realloc_aligned", resize_0, kMimalloc},
    {"realloc_aligned_at", resize_0, kMimalloc},
    {"rezalloc_aligned", resize_0, kMimalloc},
    {"rezalloc_aligned_at", resize_0, kMimalloc},
    {"recalloc_aligned", resize_count_0, kMimalloc},
    {"recalloc_aligned_at", resize_count_0, kMimalloc},
    {"free_size", frees, kMimalloc},
    {"free_size_aligned", frees, kMimalloc},
    {"free_aligned", frees, kMimalloc},
    {"heap_malloc", size_1, kMimalloc},
    {"heap_zalloc", size_1, kMimalloc},
    {"heap_calloc", count_1, kMimalloc},
    {"heap_mallocn", count_1, kMimalloc},
    {"heap_malloc_small", size_1, kMimalloc},
    {"heap_malloc_aligned", size_1, kMimalloc},
    {"heap_zalloc_aligned", size_1, kMimalloc},
    {"heap_malloc_aligned_at", size_1, kMimalloc},
    {"heap_zalloc_aligned_at", size_1, kMimalloc},
    {"heap_calloc_aligned", count_1, kMimalloc},
    {"heap_realloc", resize_1, kMimalloc},
    {"heap_reallocn", resize_count_1, kMimalloc},
    {"heap_reallocf", resize_1, kMimalloc},
    {"heap_rezalloc", resize_1, kMimalloc},
    {"heap_recalloc", resize_count_1, kMimalloc},
    {"heap_realloc_aligned", resize_1, kMimalloc},
    {"heap_realloc_aligned_at", resize_1, kMimalloc},
    {"heap_rezalloc_aligned", resize_1, kMimalloc},
};

struct Prefix {
    std::string_view text;
    AllocatorFamilies families;
};
constexpr Prefix kPrefixes[] = {
    {"", kStandard | kJemalloc},    {"je_", kStandard | kJemalloc},   {"_rjem_", kStandard | kJemalloc},
    {"mi_", kStandard | kMimalloc}, {"tc_", kStandard | kGperftools},
};

}  // namespace

std::optional<AllocatorCall> call_of(std::string_view name, AllocatorFamilies families) {
    for (const Row& row : kFunctions)
        if ((row.family & families) != 0 && row.name == name) return row.call;
    return std::nullopt;
}

// _Znwm, _ZnamSt11align_val_tRKSt9nothrow_t, _ZdlPvmSt11align_val_t, ...: the first argument is the size or the block.
std::optional<AllocatorCall> call_of_operator(std::string_view name) {
    const bool makes = name.starts_with("_Znwm") || name.starts_with("_Znam"),
               deletes = name.starts_with("_ZdlPv") || name.starts_with("_ZdaPv");
    if (!makes && !deletes) return std::nullopt;
    name.remove_prefix(makes ? 5 : 6);
    if (deletes && name.starts_with('m')) name.remove_prefix(1);
    constexpr std::string_view kAlignment = "St11align_val_t", kNothrow = "RKSt9nothrow_t";
    if (name.starts_with(kAlignment)) name.remove_prefix(kAlignment.size());
    if (name.starts_with(kNothrow)) name.remove_prefix(kNothrow.size());
    if (!name.empty()) return std::nullopt;  // placement, or a class's own
    return makes ? size_0 : frees;
}

AllocatorFamilies families_of(std::string_view prefix) {
    for (const Prefix& known : kPrefixes)
        if (prefix == known.text) return known.families;
    return 0;
}

}  // namespace leakline::agent
