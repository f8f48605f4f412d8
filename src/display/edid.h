/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* EDID blocks for outputs that have no display that could tell one (VESA E-EDID 1.4, one base
 * block). */
#pragma once

#include <stdint.h>

#define EDID_BLOCK_SIZE 128u

/* Fills a base block for a monitor whose preferred mode is width x height (1..4095 each, larger
 * ones are cut) at 60 Hz, or at less where the pixel clock would be beyond what a block can say
 * (655.35 MHz). The serial number keeps outputs apart. */
void edid_fill(uint8_t edid[EDID_BLOCK_SIZE], uint32_t width, uint32_t height, uint32_t serial);
