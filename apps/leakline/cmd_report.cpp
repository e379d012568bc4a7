// leakline report: any report again from a stored diagnosis.
#include <CLI/CLI.hpp>
#include <memory>

#include "commands.hpp"
#include "details.hpp"
#include "exit_code.hpp"
#include "output.hpp"
#include "report/json_read.hpp"
#include "system/byte_source.hpp"

namespace leakline::cli {

Run declare_report(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kDiagnosisForm);
    output->add_full(app);
    auto file = std::make_shared<std::string>();
    app.add_option("diagnosis", *file, "diagnosis.json (plain, gzip or zstd; -: standard input)")->required()->type_name("FILE");
    output->add_precision(app);
    output->add_top(app, "Number of lines to list");
    return [=](const Interruption&) {
        output->open({*file});
        Diagnosis diagnosis = report::read_diagnosis(read_file(*file), *file);
        detail_diagnosis(*output, *file, diagnosis);
        detail_lines(*output, diagnosis.lines);
        output->write(std::move(diagnosis));
        return kNoLeak;  // the run that measured has returned the verdict; this only shows it
    };
}

}  // namespace leakline::cli
