#include "analysis/lines/function_name.hpp"

#include <doctest/doctest.h>

using namespace leakline::analysis;

TEST_CASE("a function's name is reduced to namespace and name") {
    struct Row {
        const char *name, *expected;
    };
    for (const Row& row : {
             Row{"main", "main"},
             Row{"append(int)", "append"},
             Row{"ns::Cache::append(std::string const&)", "ns::Cache::append"},
             Row{"void ns::push<int>(int)", "ns::push"},
             Row{"std::vector<int, std::allocator<int> >::push_back(int&&)", "std::vector::push_back"},
             Row{"ns::(anonymous namespace)::handle(int) const", "ns::(anonymous namespace)::handle"},
             Row{"ns::run()::{lambda(int)#1}::operator()(int) const", "ns::run::{lambda#1}::operator()"},
             Row{"ns::run() const::{lambda(auto:1)#2}::operator()<int>(int) const", "ns::run::{lambda#2}::operator()"},
             Row{"handle(int) [clone .cold]", "handle"},
             Row{"handle.constprop.0", "handle"},
             Row{"name[abi:cxx11](int)", "name"},
             Row{"operator new(unsigned long)", "operator new"},
             Row{"ns::operator<<(std::ostream&, ns::X const&)", "ns::operator<<"},
             Row{"bool ns::operator< <int>(int)", "ns::operator<"},
             Row{"std::function<void (int)>::operator()(int) const", "std::function::operator()"},
             Row{"decltype(auto) visit<int>(int)", "visit"},
             Row{"std::unique_ptr<int> ns::make<int>()", "ns::make"},
             Row{"ns::X::operator bool() const", "ns::X::operator bool"},
             Row{"f(int (*)(char))", "f"},
             Row{"", ""},
             Row{"(((((", ""},
             Row{"a<<<b", "a"},
         }) {
        CAPTURE(row.name);
        CHECK(qualified_name(row.name) == row.expected);
    }
}

TEST_CASE("code of a lambda belongs to the function around it") {
    CHECK(enclosing_function("ns::run::{lambda#1}::operator()") == "ns::run");
    CHECK(enclosing_function("ns::run::$_0::operator()") == "ns::run");
    CHECK(enclosing_function("ns::run") == "ns::run");
}

TEST_CASE("a function is found by its bare, qualified or full name and not by a part of a word") {
    const char* name = "leakline::service::track_user_behavior(leakline::http::Request const&)";
    CHECK(names_function(name, "track_user_behavior"));
    CHECK(names_function(name, "service::track_user_behavior"));
    CHECK(names_function(name, "leakline::service::track_user_behavior"));
    CHECK(names_function(name, name));
    CHECK_FALSE(names_function(name, "user_behavior"));
    CHECK_FALSE(names_function(name, "track_user"));
    CHECK_FALSE(names_function(name, ""));
}
