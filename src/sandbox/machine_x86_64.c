/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "sandbox/machine.h"

static const int argument_registers[] = { REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9 };

uint64_t machine_argument(const ucontext_t *context, unsigned index)
{
	return (uint64_t)context->uc_mcontext.gregs[argument_registers[index]];
}

void machine_set_result(ucontext_t *context, int64_t result)
{
	context->uc_mcontext.gregs[REG_RAX] = result;
}
