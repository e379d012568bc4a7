#include "debuginfo/type_name.hpp"

#include <doctest/doctest.h>

using namespace leakline::debuginfo;

TEST_CASE("names of types are as short as a person would write them") {
    const struct {
        const char* full;
        const char* shorter;
    } cases[] = {
        {"int", "int"},
        {"std::__cxx11::list<app::Event, std::allocator<app::Event> >", "std::list<app::Event>"},
        {"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string"},
        {"std::basic_string_view<char, std::char_traits<char> >", "std::string_view"},
        {"std::__cxx11::basic_string<wchar_t, std::char_traits<wchar_t>, std::allocator<wchar_t> >", "std::basic_string<wchar_t>"},
        {"std::map<int, std::vector<int, std::allocator<int> >, std::less<int>, std::allocator<std::pair<int const, std::vector<int> > > >",
         "std::map<int, std::vector<int>>"},
        {"std::unordered_map<int, int, std::hash<int>, std::equal_to<int>, std::allocator<std::pair<int const, int> > >",
         "std::unordered_map<int, int>"},
        {"std::unique_ptr<a::(anonymous namespace)::B, std::default_delete<a::(anonymous namespace)::B> >",
         "std::unique_ptr<a::(anonymous namespace)::B>"},
        {"std::map<int, int, Mine, std::allocator<int> >", "std::map<int, int, Mine>"},
        {"std::allocator<int>", "std::allocator<int>"},
        {"ns::f(int, char)::local", "ns::f(int, char)::local"},
        {"ns::operator<", "ns::operator<"},
        {"broken<a", "broken<a"},
        {"", ""},
    };
    for (const auto& each : cases) CHECK(short_type_name(each.full) == each.shorter);
}

TEST_CASE("a name is cut into scopes outside of template arguments, without the library's inline namespaces") {
    using Scopes = std::vector<std::string_view>;
    CHECK(scopes_of("std::__cxx11::list<a::B>") == Scopes{"std", "list<a::B>"});
    CHECK(scopes_of("a::(anonymous namespace)::B") == Scopes{"a", "(anonymous namespace)", "B"});
    CHECK(scopes_of("__cxx11").empty());
}

TEST_CASE("the first template argument is found") {
    CHECK(first_argument_of("std::pair<a::B<int, c>, d>") == "a::B<int, c>");
    CHECK(first_argument_of("std::list<int>") == "int");
    CHECK(first_argument_of("int") == "");
    CHECK(first_argument_of(">broken<") == "");
}

TEST_CASE("mangled names are demangled, others stay") {
    CHECK(demangle("_ZN3app5cacheE") == "app::cache");
    CHECK(demangle("main") == "main");
    CHECK(demangle("_ZZZZ") == "_ZZZZ");
}
