// A fixed team of threads that do one job after another together.
//
// Between the steps of a job the threads wait at a barrier, spinning: a step is 10 to
// 60 microseconds, less than it takes to wake a thread. Who has waited for longer sleeps,
// as another process must hold the processor of the thread that is awaited, which can then
// move to this one. Between jobs they spin for a moment, as chunk follows chunk, then sleep.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace engine {

// Waits for what other threads will store, at first spinning, then asleep.
class Patience {
 public:
  // `is_met` reads atomics that are stored before `wake` is called, all sequentially.
  template <class Condition>
  void wait_until(Condition is_met);
  void wake();

 private:
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable condition_;
};

class Team {
 public:
  explicit Team(int size);  // the caller of `run` is one of them
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // Calls job(member) on all threads, member 0 on this one; returns when all are done.
  void run(const std::function<void(int)>& job);

  // Waits, within a job, until all members are here.
  void barrier(int member);

 private:
  // How many barriers a member has come to, alone in its cache line.
  struct alignas(64) Arrivals {
    std::atomic<uint32_t> count{0};
  };

  void serve(int member);

  const int size_;
  const std::function<void(int)>* job_ = nullptr;
  bool is_closing_ = false;
  std::atomic<uint32_t> jobs_{0};
  std::vector<Arrivals> arrivals_;
  Patience patience_;
  std::vector<std::thread> threads_;
};

}  // namespace engine
