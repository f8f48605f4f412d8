/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "sandbox/machine.h"

uint64_t machine_argument(const ucontext_t *context, unsigned index)
{
	return context->uc_mcontext.regs[index];
}

void machine_set_result(ucontext_t *context, int64_t result)
{
	context->uc_mcontext.regs[0] = (uint64_t)result;
}
