/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "sandbox/policy.h"

const bool sandbox_inspects_itself = false;
