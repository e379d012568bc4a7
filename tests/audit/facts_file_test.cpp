#include "audit/internal/facts_file.hpp"

#include <doctest/doctest.h>

using namespace leakline::audit;

namespace {

StoredFacts sample() {
    StoredFacts stored;
    stored.files = {{"/a.cpp", 7}, {"/b.hpp", 0xffffffffffffffffull}};
    UnitFacts& facts = stored.facts;
    Names name(facts);
    Variable variable;
    variable.id = name("c:@x");
    variable.name = name("x");
    variable.storage = Storage::static_local;
    variable.container = true;
    variable.holds = {name("c:@S@Store")};
    facts.variables.push_back(variable);
    facts.loops.push_back({});
    Operation operation;
    operation.kind = Operation::Kind::reallocate;
    operation.on = {variable.id, 2};
    operation.loop = 1;
    operation.guards = {{variable.id, 0}};
    operation.key_parameter = 3;
    facts.operations.push_back(operation);
    facts.errors = {"a.cpp:1: unknown type name 'x'"};
    facts.lines = 300;
    return stored;
}

}  // namespace

TEST_CASE("facts are read back as they were written") {
    const std::string bytes = write_facts(sample());
    const auto read = read_facts(bytes);
    REQUIRE(read);
    CHECK(read->files == sample().files);
    CHECK(read->facts.names == sample().facts.names);
    REQUIRE(read->facts.operations.size() == 1);
    CHECK(read->facts.operations[0].key_parameter == 3u);
    CHECK(read->facts.operations[0].on == Access{1, 2});
    CHECK(read->facts.errors == sample().facts.errors);
    CHECK(write_facts(*read) == bytes);
}

TEST_CASE("damaged facts are refused, whatever byte is wrong") {
    const std::string bytes = write_facts(sample());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        CAPTURE(i);
        std::string damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
        CHECK(!read_facts(damaged));
        CHECK(!read_facts(bytes.substr(0, i)));
    }
    CHECK(!read_facts(bytes + "x"));
}

TEST_CASE("a loop that is not there is refused") {
    StoredFacts stored = sample();
    stored.facts.operations[0].loop = 2;
    CHECK(!read_facts(write_facts(stored)));
}
