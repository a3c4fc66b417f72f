# Fails if an object compiled for one instruction set defines anything but its table: a weak symbol
# (an inline function, a template) might be kept by the linker for code of every processor.
# Run as: cmake -DNM=<nm> -DLIBRARY=<libstrata_kernels.a> -P isa_symbols.cmake
execute_process(COMMAND ${NM} --defined-only --extern-only -A ${LIBRARY}
                OUTPUT_VARIABLE symbols ERROR_QUIET RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "nm failed on ${LIBRARY}")
endif()
string(REPLACE "\n" ";" symbols "${symbols}")
set(num_tables 0)
foreach(symbol IN LISTS symbols)
  if(NOT symbol MATCHES ":bodies_[a-z0-9]+\\.cc\\.o:")
    continue()
  endif()
  if(NOT symbol MATCHES " T _ZN6strata3cpu[0-9]+(Baseline|Avx2|Avx512)BodiesEv$")
    message(FATAL_ERROR "an instruction set's object defines more than its table: ${symbol}")
  endif()
  math(EXPR num_tables "${num_tables} + 1")
endforeach()
if(num_tables EQUAL 0)
  message(FATAL_ERROR "found no tables of bodies in ${LIBRARY}")
endif()
