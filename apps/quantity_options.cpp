#include "quantity_options.hpp"
#include "base/strings.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

namespace leakline::cli {

namespace {

template <class Value, class Parse, class Store>
CLI::Option* add_quantity(CLI::App& app, const std::string& names, const std::string& help, const char* type, const char* examples,
                          Parse parse, Store store) {
    auto* option = app.add_option_function<std::string>(
        names,
        [=](const std::string& text) {
            const std::optional<Value> value = parse(text);
            if (!value) {
                const std::string name = names.substr(names.rfind(',') + 1);
                throw CLI::ValidationError(fmt::format("{}: '{}' is not {}; for example {}", name, printable(text), type, examples));
            }
            store(*value);
        },
        help);
    return option;
}

std::optional<Nanoseconds> positive_duration(const std::string& text) {
    const auto value = parse_duration(text);
    return value && *value > Nanoseconds(0) ? value : std::nullopt;
}

// 65536 -> "64KiB"
std::string typed_size(Bytes bytes) {
    std::string text = format_bytes(static_cast<double>(bytes));
    std::erase(text, ' ');
    return text;
}

}  // namespace

CLI::Option* add_size(CLI::App& app, const std::string& names, std::optional<Bytes>& variable, const std::string& help) {
    return add_quantity<Bytes>(
               app, names, help, "a size", "512MiB, 1.5GiB or 65536", [](const std::string& text) { return parse_size(text); },
               [&variable](Bytes value) { variable = value; })
        ->type_name("SIZE");
}

CLI::Option* add_size(CLI::App& app, const std::string& names, Bytes& variable, const std::string& help) {
    return add_quantity<Bytes>(
               app, names, help, "a size above 0", "512MiB, 1.5GiB or 65536",
               [](const std::string& text) {
                   const auto value = parse_size(text);
                   return value && *value > 0 ? value : std::nullopt;
               },
               [&variable](Bytes value) { variable = value; })
        ->type_name("SIZE")
        ->default_str(typed_size(variable));
}

CLI::Option* add_duration(CLI::App& app, const std::string& names, Nanoseconds& variable, const std::string& help) {
    return add_quantity<Nanoseconds>(app, names, help, "a duration above 0", "100ms, 30s or 1h30m", positive_duration,
                                     [&variable](Nanoseconds value) { variable = value; })
        ->type_name("DURATION")
        ->default_str(format_duration(variable));
}

CLI::Option* add_duration(CLI::App& app, const std::string& names, std::optional<Nanoseconds>& variable, const std::string& help) {
    return add_quantity<Nanoseconds>(app, names, help, "a duration above 0", "100ms, 30s or 1h30m", positive_duration,
                                     [&variable](Nanoseconds value) { variable = value; })
        ->type_name("DURATION");
}

CLI::Option* add_long_duration(CLI::App& app, const std::string& names, std::optional<Nanoseconds>& variable, const std::string& help) {
    const auto with_unit = [](const std::string& text) {
        return text.find_first_not_of("0123456789. ") == text.npos ? std::nullopt : positive_duration(text);
    };
    return add_quantity<Nanoseconds>(app, names, help, "a duration with a unit", "72h, 30m or 90s", with_unit,
                                     [&variable](Nanoseconds value) { variable = value; })
        ->type_name("DURATION");
}

CLI::Option* add_rate(CLI::App& app, const std::string& names, std::optional<double>& variable, const std::string& help) {
    return add_quantity<double>(app, names, help, "a rate", "500/s, 30/m or 12.5", parse_rate,
                                [&variable](double value) { variable = value; })
        ->type_name("RATE");
}

CLI::Option* add_fraction(CLI::App& app, const std::string& names, std::optional<double>& variable, const std::string& help) {
    return add_quantity<double>(app, names, help, "a share", "80% or 0.8", parse_fraction, [&variable](double value) { variable = value; })
        ->type_name("SHARE");
}

CLI::Option* add_growth(CLI::App& app, const std::string& names, std::optional<Growth>& variable, const std::string& help) {
    return add_quantity<Growth>(app, names, help, "a growth rate", "64B/request or 1MiB/h", parse_growth,
                                [&variable](Growth value) { variable = value; })
        ->type_name("GROWTH");
}

}  // namespace leakline::cli
