#include "heap/internal/rust_symbol.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using leakline::heap::readable_rust_name;

TEST_CASE("Rust names of both manglings are readable, without hashes") {
    const std::vector<std::pair<std::string, std::string>> names{
        {"_RNvCscJEj9Xep4Zo_4leak8remember", "leak::remember"},
        {"_RNvMsF_NtCslNYArtu3iFV_5alloc3vecINtB5_3VecIBw_hEE8push_mutCscJEj9Xep4Zo_4leak",
         "<alloc::vec::Vec<alloc::vec::Vec<u8>>>::push_mut"},
        {"_RNvXs_NtCslNYArtu3iFV_5alloc5allocNtB4_6GlobalNtNtCsgEmfK2I1SDS_4core5alloc9Allocator4grow",
         "<alloc::alloc::Global as core::alloc::Allocator>::grow"},
        {"_RNCNvNtCsjrHSEGnQ3l9_3std2rt19lang_start_internal0B5_", "std::rt::lang_start_internal::{closure#0}"},
        {"_RNvMNtCslNYArtu3iFV_5alloc5sliceSh6repeatCscJEj9Xep4Zo_4leak", "<[u8]>::repeat"},
        {"_RINvNtC3std3mem8align_ofdE", "std::mem::align_of<f64>"},
        {"_RNvYFEuINtNtNtCsgEmfK2I1SDS_4core3ops8function6FnOnceuE9call_onceCscJEj9Xep4Zo_4leak",
         "<fn() as core::ops::function::FnOnce<()>>::call_once"},
        {"_RINbNbCskIICzLVDPPb_5alloc5alloc8box_freeDINbNiB4_5boxed5FnBoxuEp6OutputuEL_ECs1iopQbuBiw2_3std",
         "alloc::alloc::box_free<dyn alloc::boxed::FnBox<()><Output = ()>>"},
        {"leak::remember::ha80a28199f87543c", "leak::remember"},
        {"_$LT$u8$u20$as$u20$alloc..vec..spec_from_elem..SpecFromElem$GT$::from_elem::h26831fed84a0894c",
         "<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem"},
        {"std::rt::lang_start::_$u7b$$u7b$closure$u7d$$u7d$::h71acb6ed29efb28b", "std::rt::lang_start::{{closure}}"},
        {"svc::run::h0123456789abcdef.llvm.123456", "svc::run"},
    };
    for (const auto& [mangled, readable] : names) CHECK(readable_rust_name(mangled) == readable);
}

TEST_CASE("what is no Rust name, or a damaged one, comes back as it is") {
    for (const char* name : {"", "main", "_R", "_RNv", "Order::Order(Order&&)", "std::vector<int>::push_back(int&&)", "_RNvC4leak9short",
                             "f::h012345678", "_RB_", "_RNvB_4loop", "_RNvC99999999999999999999a"})
        CHECK(readable_rust_name(name) == name);
    // Back references that double 60 times.
    std::string bomb = "_RINvC1a1b";
    for (int i = 0; i < 60; ++i) bomb += "TB" + std::string(i == 0 ? "" : "a") + "_B_E";
    CHECK(readable_rust_name(bomb + "E").size() <= 4096);
    CHECK(readable_rust_name("_R" + std::string(100'000, 'M')) == "_R" + std::string(100'000, 'M'));
}
