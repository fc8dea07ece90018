#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Selenium's virtual authenticators, with Firefox as well: between the bindings and
geckodriver or chromedriver, here at 9515, is a proxy that plugs in the key.
    sudo sealkey webdriver --upstream http://127.0.0.1:9515 --listen 127.0.0.1:4444 &
    examples/selenium/signin.py firefox http://127.0.0.1:4444 http://localhost:3000"""
import sys
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.support.ui import WebDriverWait

browser, proxy, site, *arguments = sys.argv[1:]
options = webdriver.FirefoxOptions() if browser == 'firefox' else webdriver.ChromeOptions()
for argument in ['--headless', *arguments]:
    options.add_argument(argument)
driver = webdriver.Remote(proxy, options=options)

def press(button, user, expected):
    field = driver.find_element(By.NAME, 'user')
    field.clear()
    field.send_keys(user)
    driver.find_element(By.NAME, button).click()
    status = driver.find_element(By.CSS_SELECTOR, '[role=status]')
    WebDriverWait(driver, 120).until_not(lambda _: status.text == 'Waiting for the key')
    assert status.text == expected, status.text
    print(status.text)

try:
    driver.get(site)
    key = VirtualAuthenticatorOptions()
    key.has_resident_key = key.has_user_verification = key.is_user_verified = True
    driver.add_virtual_authenticator(key)
    press('register', 'alice', 'Registered as alice')
    press('signin', '', 'Signed in as alice')
finally:
    driver.quit()
