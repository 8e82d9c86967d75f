// Plays ../scenario.json: URL PREFIX SCENARIO OUT. What the actions mean is in ../README.md.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <stepd/stepd.hpp>

using stepd::Floats;
using stepd::Json;
using stepd::Named;
using stepd::Tensors;

struct Handle {
  stepd::Session session;
  Floats params;
};

class Player {
 public:
  Player(int count, char** args, Json tensors, std::ostream& out)
      : client_(args[1], options()), prefix_(args[2]), tensors_(std::move(tensors)), out_(out) {
    if (count > 6) {
      worker_ = std::stoul(args[5]);
      workers_ = std::stoul(args[6]);
    }
    for (auto& tensor : tensors_) total_ += size(tensor);
  }

  void act(const Json& action) {
    const std::string as = action.at("as"), what = action.at("do");
    if (what == "open") return open(as, action);
    Handle& handle = handles_.at(as);
    if (what == "step")
      for (int i = 0; i < action.value("times", 1); ++i) step(handle, action);
    else if (what == "set")
      set(handle.session, action.at("hyperparams"));
    else if (what == "describe") {
      handle.session.describe();
      expect(handle.session.current_step() == action.value("step", 0));
    } else if (what == "fetch")
      handle.params = pack(handle.session.params());
    else if (what == "compare")
      expect(pack(handle.session.params()) == handle.params);
    else if (what == "write") {
      const Json bytes = stepd::wire::bytes(handle.params, stepd::Dtype::F32);
      for (auto byte : bytes.get_binary()) out_.put(byte);
    } else if (what == "delete")
      handle.session.remove();
    else
      expect(false);
  }

  static void expect(bool holds) {
    if (!holds) throw std::logic_error("does not hold");
  }

 private:
  static stepd::Options options() {
    stepd::Options options;
    options.base = stepd::Millis(5);
    if (const char* key = std::getenv("STEPD_API_KEY")) options.api_key = key;
    return options;
  }

  static std::size_t size(const Json& tensor) {
    std::size_t size = 1;
    for (auto& extent : tensor.at("shape")) size *= extent.get<std::size_t>();
    return size;
  }

  void open(const std::string& as, const Json& action) {
    Floats params(total_);
    for (std::size_t i = 0; i < total_; ++i) params[i] = (float(i * 29 % 255) - 127) / 64;
    Json spec = Json::object();
    if (action.contains("chain")) spec = {{"chain", action["chain"]}, {"tensors", tensors_}};
    if (workers_ > 0) spec["workers"] = workers_;
    std::optional<Tensors> kept;
    if (action.contains("keep")) kept = params;
    const std::string id = prefix_ + "-" + action.value("session", as);
    Handle handle{client_.open(id, spec, kept), params};
    handles_.insert_or_assign(as, std::move(handle));
  }

  void step(Handle& handle, const Json& action) {
    const std::size_t step = handle.session.current_step() + 1, salt = action.value("salt", 0) + worker_;
    Floats grads(action.value("elements", total_));
    for (std::size_t i = 0; i < grads.size(); ++i)
      grads[i] = (float((i * 73 + step * 37 + salt * 11) % 255) - 127) / 128;
    const auto dtype = [&](const char* field) {
      return action.at(field) == "F32" ? stepd::Dtype::F32 : stepd::Dtype::BF16;
    };
    stepd::StepOptions options;
    if (workers_ > 0) options.worker = "worker-" + std::to_string(worker_);
    if (action.contains("dtype")) options.dtype = dtype("dtype");
    if (action.contains("reply")) options.reply = dtype("reply");
    if (action.contains("value")) options.value = action["value"];
    if (action.contains("hyperparams")) options.hyperparams = action["hyperparams"];
    if (action.contains("send")) options.params = form(action, handle.params);
    options.want_params = action.value("of", "") == "params";
    const stepd::Step result = handle.session.step(form(action, grads), options);
    expect(result.replayed || !action.contains("replayed"));
    const Floats answer = pack(result.tensors);
    if (options.want_params)
      handle.params = answer;
    else
      stepd::apply_updates(handle.params, answer);
  }

  // No number tells a repeated change from a second one: the client leaves it to its caller.
  static void set(stepd::Session& session, const Json& numbers) {
    for (;;) try {
        session.set_hyperparams(numbers);
        return;
      } catch (const stepd::NoAnswer&) {
      }
  }

  Tensors form(const Json& action, const Floats& packed) const {
    if (action.value("form", "") != "named") return packed;
    Named named;
    auto at = packed.begin();
    for (auto& tensor : tensors_) {
      named[tensor.at("name")] = Floats(at, at + size(tensor));
      at += size(tensor);
    }
    return named;
  }

  Floats pack(const Tensors& tensors) const {
    if (auto* packed = std::get_if<Floats>(&tensors)) return *packed;
    Floats all;
    for (auto& tensor : tensors_) {
      const Floats& part = std::get<Named>(tensors).at(tensor.at("name"));
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }

  stepd::Client client_;
  std::string prefix_;
  std::size_t worker_ = 0, workers_ = 0;
  Json tensors_;
  std::size_t total_ = 0;
  std::map<std::string, Handle> handles_;
  std::ostream& out_;
};

int main(int count, char** args) {
  const Json scenario = Json::parse(std::ifstream(args[3]));
  std::ofstream out(args[4], std::ios::binary);
  Player player(count, args, scenario.at("tensors"), out);
  for (auto& action : scenario.at("actions")) {
    std::string code, wrong;
    try {
      player.act(action);
    } catch (const stepd::Refusal& refusal) {
      code = refusal.code;
    } catch (const std::exception& error) {
      wrong = error.what();
    }
    if (wrong.empty() && code == action.value("error", "")) continue;
    std::cerr << action << ": " << wrong << code << ", expected " << action.value("error", "no refusal") << '\n';
    return 1;
  }
}
