// The Python module `sopilib.engine.native`: arrays in, levels out, without the GIL.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "packed_dicts.h"
#include "voices.h"

namespace py = pybind11;

namespace {

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Levels = py::array_t<int32_t, py::array::c_style | py::array::forcecast>;

const engine::Kernels& kernels_named(const std::string& isa) {
  const engine::Kernels* kernels = engine::find_kernels(isa.c_str());
  if (!kernels) throw std::invalid_argument("this processor cannot run the kernels " + isa);
  return *kernels;
}

int at_least_one(const char* what, int count) {
  if (count < 1) throw std::invalid_argument(std::to_string(count) + " " + what);
  return count;
}

template <class Array>
void check_shape(const Array& array, int voices, py::ssize_t samples) {
  if (array.ndim() != 2 || array.shape(0) != voices || array.shape(1) != samples)
    throw std::invalid_argument("expected an array (" + std::to_string(voices) + ", " +
                                std::to_string(samples) + ")");
}

// A packed model and the voices that it plays; keeps the arrays alive.
class Engine {
 public:
  Engine(const py::dict& settings, const py::dict& arrays, int voices, int threads,
         const std::string& isa)
      : arrays_(engine::arrays_of(arrays)),
        model_(engine::read_model(engine::settings_of(settings), arrays_.arrays)),
        kernels_(kernels_named(isa)),
        threads_(at_least_one("threads", threads)),
        voices_(model_, kernels_, at_least_one("voices", voices), threads) {}

  const char* isa() const { return kernels_.name; }

  void use_threads(int threads) {
    if (threads < 1 || threads > threads_)
      throw std::invalid_argument("a team of " + std::to_string(threads_) + " threads");
    voices_.use_threads(threads);
  }

  void reset() { voices_.reset(); }

  Levels generate(const Floats& temperature, const Floats& uniform) {
    return draw(temperature, uniform, nullptr);
  }

  py::tuple generate_scored(const Floats& temperature, const Floats& uniform) {
    Floats bits(
        std::vector<py::ssize_t>(temperature.shape(), temperature.shape() + temperature.ndim()));
    const Levels levels = draw(temperature, uniform, bits.mutable_data());
    return py::make_tuple(levels, bits);
  }

  // The ticks of each thread in each part, (threads, kParts), for as many samples as one job takes.
  py::array_t<uint64_t> profile(const Floats& temperature, const Floats& uniform) {
    std::vector<engine::Spent> spent;
    draw(temperature, uniform, nullptr, &spent);
    py::array_t<uint64_t> result({py::ssize_t(spent.size()), py::ssize_t(engine::kParts)});
    for (size_t t = 0; t < spent.size(); ++t)
      std::copy(spent[t].begin(), spent[t].end(), result.mutable_data(t, 0));
    return result;
  }

  void prime(const Levels& given) { absorb(given, nullptr); }

  Floats score(const Levels& given) {
    Floats bits(std::vector<py::ssize_t>(given.shape(), given.shape() + given.ndim()));
    absorb(given, bits.mutable_data());
    return bits;
  }

  Floats next_logits() {
    const float* logits;
    {
      py::gil_scoped_release release;
      logits = voices_.next_logits();
    }
    Floats result({voices_.count(), model_.q_levels});
    for (int v = 0; v < voices_.count(); ++v)
      std::copy_n(logits + size_t(v) * model_.padded_levels, model_.q_levels,
                  result.mutable_data(v, 0));
    return result;
  }

  // For each tier, the one with the shortest frames first: (voices, layers, width).
  py::list layer_outputs() const {
    py::list all;
    const engine::State& state = voices_.state;
    for (size_t t = model_.tiers.size(); t-- > 0;) {
      Floats array({voices_.count(), int(model_.tiers[t].layers.size()), model_.width});
      const size_t size = model_.tiers[t].layers.size() * model_.width;
      for (int v = 0; v < voices_.count(); ++v) {
        const float* outputs = state.tiers[t].outputs[state.clocks[v].current[t]].data();
        std::copy_n(outputs + v * size, size, array.mutable_data() + v * size);
      }
      all.append(array);
    }
    return all;
  }

  void read_weights(int samples) {
    py::gil_scoped_release release;
    voices_.read_weights(samples);
  }

  // The floats and the integers of each voice, (voices, any) each.
  py::tuple save_state() const {
    const std::vector<float> floats = voices_.state.floats();
    const std::vector<int32_t> integers = voices_.state.integers();
    const py::ssize_t voices = voices_.count();
    return py::make_tuple(Floats({voices, py::ssize_t(floats.size()) / voices}, floats.data()),
                          Levels({voices, py::ssize_t(integers.size()) / voices}, integers.data()));
  }

  void restore_state(const Floats& floats, const Levels& integers) {
    const std::vector<float> f(floats.data(), floats.data() + floats.size());
    const std::vector<int32_t> i(integers.data(), integers.data() + integers.size());
    if (!voices_.state.restore(f, i, model_))
      throw std::invalid_argument("a state of another model or number of voices");
  }

 private:
  Levels draw(const Floats& temperature, const Floats& uniform, float* bits,
              std::vector<engine::Spent>* spent = nullptr) {
    const py::ssize_t samples = temperature.ndim() == 2 ? temperature.shape(1) : 0;
    check_shape(temperature, voices_.count(), samples);
    check_shape(uniform, voices_.count(), samples);
    Levels levels({py::ssize_t(voices_.count()), samples});
    engine::Job job;
    job.samples = int(samples);
    job.stride = size_t(samples);
    job.temperature = temperature.data();
    job.uniform = uniform.data();
    job.levels = levels.mutable_data();
    job.bits = bits;
    job.spent = spent;
    py::gil_scoped_release release;
    voices_.work_through(job);
    return levels;
  }

  void absorb(const Levels& given, float* bits) {
    const py::ssize_t samples = given.ndim() == 2 ? given.shape(1) : 0;
    check_shape(given, voices_.count(), samples);
    const int32_t* end = given.data() + given.size();
    if (std::any_of(given.data(), end, [&](int32_t x) { return x < 0 || x >= model_.q_levels; }))
      throw std::invalid_argument("a level outside 0 to q_levels - 1");
    engine::Job job;
    job.samples = int(samples);
    job.stride = size_t(samples);
    job.given = given.data();
    job.bits = bits;
    py::gil_scoped_release release;
    voices_.work_through(job);
  }

  engine::HeldArrays arrays_;
  engine::Model model_;
  const engine::Kernels& kernels_;
  const int threads_;
  engine::Voices voices_;
};

void check_model(const py::dict& settings, const py::dict& arrays) {
  const engine::HeldArrays held = engine::arrays_of(arrays);
  engine::read_model(engine::settings_of(settings), held.arrays);
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> found;
  for (const char* name : {"avx512", "avx2", "neon", "plain"})
    if (engine::find_kernels(name)) found.push_back(name);
  return found;
}

}  // namespace

PYBIND11_MODULE(native, module) {
  module.doc() = "The sample loop of SampleRNN on packed weights; see sopilib.engine.engine.";
  module.def("instruction_sets", &instruction_sets,
             "Names of the kernels that this processor can run, the fastest first.");
  module.def("check_model", &check_model, py::arg("settings"), py::arg("arrays"),
             "Raise ValueError unless an Engine can play a packed model; allocate nothing.");
  py::class_<Engine>(module, "Engine")
      .def(py::init<const py::dict&, const py::dict&, int, int, const std::string&>(),
           py::arg("settings"), py::arg("arrays"), py::arg("num_seqs"), py::arg("threads"),
           py::arg("isa"))
      .def_property_readonly("isa", &Engine::isa)
      .def("use_threads", &Engine::use_threads, py::arg("threads"))
      .def("reset", &Engine::reset)
      .def("generate", &Engine::generate, py::arg("temperature"), py::arg("uniform"))
      .def("generate_scored", &Engine::generate_scored, py::arg("temperature"), py::arg("uniform"))
      .def("profile", &Engine::profile, py::arg("temperature"), py::arg("uniform"))
      .def("prime", &Engine::prime, py::arg("levels"))
      .def("score", &Engine::score, py::arg("levels"))
      .def("next_logits", &Engine::next_logits)
      .def("layer_outputs", &Engine::layer_outputs)
      .def("read_weights", &Engine::read_weights, py::arg("samples"))
      .def("save_state", &Engine::save_state)
      .def("restore_state", &Engine::restore_state, py::arg("floats"), py::arg("integers"));
}
