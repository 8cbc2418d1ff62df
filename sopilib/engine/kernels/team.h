// A fixed team of threads that work together on one job after another: all of them or only
// the first few.
//
// Between the steps of a job the threads spin at a barrier: a step takes 10 to 60
// microseconds, less than waking a thread. A thread that has waited longer sleeps: another
// process probably holds the processor of the thread that it waits for, which can then move
// to this one. Between jobs the threads spin for a moment, because chunk follows chunk, and
// then sleep.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace engine {

// Waits for a value that other threads will store, first spinning, then sleeping.
class Patience {
 public:
  // `is_met` reads atomics that are stored before `wake` is called, sequentially consistent.
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
  // `size` includes the caller of `run`. Throws std::system_error where a thread cannot be started.
  explicit Team(int size);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // Sets how many members work on the next jobs, 1 to `size`; not within a job.
  void set_active(int members);
  int active() const { return active_.load(); }

  // Calls job(member) on the active threads, member 0 on this one; returns when all have finished.
  void run(const std::function<void(int)>& job);

  // Waits, within a job, until all active members have arrived.
  void barrier(int member);

 private:
  // The jobs given to a member and the barriers that it has reached, in a cache line of its own.
  struct alignas(64) Member {
    std::atomic<uint32_t> jobs{0};
    std::atomic<uint32_t> arrivals{0};
  };

  void serve(int member);
  void close();  // ends all threads

  std::atomic<int> active_;
  const std::function<void(int)>* job_ = nullptr;
  bool is_closing_ = false;
  std::vector<Member> members_;
  Patience for_jobs_;  // separate, so that barriers do not wake threads that sleep between jobs
  Patience for_members_;
  std::vector<std::thread> threads_;
};

}  // namespace engine
