// The strategy of a minimisation: which part of a log to ask about next. Reads the logs, but starts no service.
//
// First kinds of requests, by delta debugging; then fields of bodies; then the values of parameters, headers and fields, by
// halving. What was needed when it was tried may not be needed in what is left at the end (of two parameters that mostly
// come together the one that was tried first seems to matter), so then each thing that the part's words name is left out
// once more, where that has not been tried with the rest as it is, until none can be.
//
// Thread-safety: none needed. Inside lib/diagnose only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "diagnose/internal/delta_debugging.hpp"
#include "diagnose/internal/request_kinds.hpp"

namespace leakline::diagnose {

// What the search asks. About the same part twice: both remember.
struct PartQuestions {
    std::function<Answer(const Part&)> ask;      // does this part leak?
    std::function<Answer(const Part&)> confirm;  // the same, asked before something is left out for a "yes"
    std::function<void(const Part&)> keep;       // this is the smallest found so far
    std::function<void(int more)> expect;        // about so many questions may follow
};

struct FoundPart {
    Part part;
    bool complete = false;           // nothing more can be left out; false: it was stopped
    std::vector<std::string> notes;  // what may be in it without need
};

enum class Depth {
    kinds,   // method and path alone
    values,  // parameters, headers and bodies too
};

// whole: is known to leak.
FoundPart search_part(const RequestKinds& kinds, Part whole, Depth depth, const PartQuestions& questions);

// How many questions delta debugging takes for so many elements, about, where one is the cause.
int questions_for(std::size_t elements);

}  // namespace leakline::diagnose
